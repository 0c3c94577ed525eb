"""The messages that checks return, each with a level."""

from __future__ import annotations

DEBUG = 10
INFO = 20
WARNING = 30
ERROR = 40
CRITICAL = 50

STATUSES = {
    0: "ok",
    DEBUG: "debug",
    INFO: "info",
    WARNING: "warning",
    ERROR: "error",
    CRITICAL: "critical",
}
"""The word for each level."""


def level_to_text(level: int) -> str:
    """Return the word for a level. Unknown levels fall back to the next lower one."""
    known = [value for value in STATUSES if value <= level]
    return STATUSES[max(known, default=0)]


class CheckMessage:
    """A message of a check.

    Args:
        msg: the text; the body of the heartbeat and the log show it.
        level: the severity; by default the attribute ``level`` of the subclass.
        hint: the advice for operators; only the log shows it.
        obj: the object of the message. The body does not show it; if it is an
            exception, the log has its traceback.
        id: the fixed name by which the message is found and silenced.

    Raises:
        TypeError: the level is missing, or of a type that is not numeric.
        ValueError: the level is a text that is not numeric.
    """

    level: int

    def __init__(
        self,
        msg: str,
        level: int | None = None,
        hint: str | None = None,
        obj: object = None,
        id: str | None = None,
    ) -> None:
        if level:
            self.level = int(level)
        elif not hasattr(self, "level"):
            message = f"level is {level!r}; it must be a number such as checks.ERROR."
            raise TypeError(message)
        self.msg = msg
        self.hint = hint
        self.obj = obj
        self.id = id

    def _values(self) -> tuple[object, ...]:
        return self.level, self.msg, self.hint, self.obj, self.id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self._values() == other._values()

    def is_serious(self, level: int = ERROR) -> bool:
        """Return whether the message has at least the given level."""
        return self.level >= level

    def __str__(self) -> str:
        obj = "?" if self.obj is None else self.obj
        identity = f"({self.id}) " if self.id else ""
        hint = f"\n\tHINT: {self.hint}" if self.hint else ""
        return f"{obj}: {identity}{self.msg}{hint}"

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__}: level={self.level!r}, msg={self.msg!r},"
            f" hint={self.hint!r}, obj={self.obj!r}, id={self.id!r}>"
        )


class Debug(CheckMessage):
    """A message for developers."""

    level = DEBUG


class Info(CheckMessage):
    """A message for information."""

    level = INFO


class Warning(CheckMessage):
    """A message about a fault that leaves the service working."""

    level = WARNING


class Error(CheckMessage):
    """A message about a fault that stops the service. It fails the heartbeat."""

    level = ERROR


class Critical(CheckMessage):
    """A message about a fault that needs action at once. It fails the heartbeat."""

    level = CRITICAL
