"""What a check says: messages, each with a level."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

DEBUG = 10
INFO = 20
WARNING = 30
ERROR = 40
CRITICAL = 50

_TEXTS = {
    0: "ok",
    DEBUG: "debug",
    INFO: "info",
    WARNING: "warning",
    ERROR: "error",
    CRITICAL: "critical",
}


def level_to_text(level: int) -> str:
    """Give the word for a level, or for the next lower one that has a word."""
    known = [value for value in _TEXTS if value <= level]
    return _TEXTS[max(known, default=0)]


@dataclasses.dataclass(frozen=True, slots=True, init=False, repr=False)
class CheckMessage:
    """One thing that a check has to say.

    Args:
        msg: the message, for people; it is shown in the heartbeat's body.
        level: how bad it is; the subclasses know theirs.
        hint: what to do about it; logged, not shown.
        obj: what it is about; neither logged nor shown.
        id: a fixed name by which the message can be found and silenced.

    Raises:
        TypeError: there is no level, or it is no whole number.
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
        """Tell whether the message is at the level given or above it."""
        return self.level >= level

    def __str__(self) -> str:
        identity = f"({self.id}) " if self.id else ""
        hint = f"\n\tHINT: {self.hint}" if self.hint else ""
        return f"{identity}{self.msg}{hint}"

    def __repr__(self) -> str:
        # obj is left out: its repr may hold credentials.
        name = type(self).__name__
        return f"<{name}: level={self.level!r}, msg={self.msg!r}, id={self.id!r}>"


class Debug(CheckMessage):
    """A message that only developers care for."""

    __slots__ = ()
    default_level = DEBUG


class Info(CheckMessage):
    """A message that is good to know."""

    __slots__ = ()
    default_level = INFO


class Warning(CheckMessage):
    """A message about what is wrong and does not stop the service."""

    __slots__ = ()
    default_level = WARNING


class Error(CheckMessage):
    """A message about what keeps the service from working; fails the heartbeat."""

    __slots__ = ()
    default_level = ERROR


class Critical(CheckMessage):
    """A message about what somebody must be woken for; fails the heartbeat."""

    __slots__ = ()
    default_level = CRITICAL
