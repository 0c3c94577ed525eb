"""The messages that checks return, each with a level."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

DEBUG = 10
INFO = 20
WARNING = 30
ERROR = 40
CRITICAL = 50

_WORDS = {
    0: "ok",
    DEBUG: "debug",
    INFO: "info",
    WARNING: "warning",
    ERROR: "error",
    CRITICAL: "critical",
}


def level_to_text(level: int) -> str:
    """Return the word for a level. Unknown levels fall back to the next lower one."""
    known = [value for value in _WORDS if value <= level]
    return _WORDS[max(known, default=0)]


@dataclasses.dataclass(frozen=True, init=False, repr=False)
class CheckMessage:
    """A message of a check.

    Args:
        msg: the text; the body of the heartbeat and the log show it.
        level: the severity; each subclass has a default.
        hint: the advice for operators; only the log shows it.
        obj: the object of the message. It is not shown; if it is an exception, the log
            has its traceback.
        id: the fixed name by which the message is found and silenced.

    Raises:
        TypeError: the level is missing or not an integer.
    """

    default_level: ClassVar[int | None] = None

    msg: str
    level: int
    hint: str | None
    obj: object = dataclasses.field(hash=False)
    id: str | None

    def __init__(
        self,
        msg: str,
        level: int | None = None,
        hint: str | None = None,
        obj: object = None,
        id: str | None = None,
    ) -> None:
        level = self.default_level if level is None else level
        if not isinstance(level, int):
            message = f"level is {level!r}; it must be a whole number, as checks.ERROR."
            raise TypeError(message)
        values = {"msg": msg, "level": level, "hint": hint, "obj": obj, "id": id}
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def is_serious(self, level: int = ERROR) -> bool:
        """Return whether the message has at least the given level."""
        return self.level >= level

    def __str__(self) -> str:
        identity = f"({self.id}) " if self.id else ""
        hint = f"\n\tHINT: {self.hint}" if self.hint else ""
        return f"{identity}{self.msg}{hint}"

    def __repr__(self) -> str:
        # Without obj: its repr may contain credentials.
        name = type(self).__name__
        return f"<{name}: level={self.level!r}, msg={self.msg!r}, id={self.id!r}>"


class Debug(CheckMessage):
    """A message for developers."""

    default_level = DEBUG


class Info(CheckMessage):
    """A message for information."""

    default_level = INFO


class Warning(CheckMessage):
    """A message about a fault that leaves the service working."""

    default_level = WARNING


class Error(CheckMessage):
    """A message about a fault that stops the service; it fails the heartbeat."""

    default_level = ERROR


class Critical(CheckMessage):
    """A message about a fault that needs action at once; it fails the heartbeat."""

    default_level = CRITICAL
