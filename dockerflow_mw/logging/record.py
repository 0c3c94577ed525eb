"""Log records that are nothing but fields, made without looking for who logs them."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, TypeAlias

# When the logging module was loaded, from which it counts.
_blank = logging.LogRecord("", 0, "", 0, "", (), None)
_STARTED = _blank.created - _blank.relativeCreated / 1000

# Python 3.11 has none.
_HAVE_TASKS = "taskName" in _blank.__dict__

# What differs from one record to the next, in the order of the logging module's.
_NAMES = ("created", "msecs", "relativeCreated", "thread", "threadName", "taskName")
_OWN = _NAMES if _HAVE_TASKS else _NAMES[:-1]


Parts: TypeAlias = tuple[str, float, dict[str, Any], bool, threading.Thread, str | None]
"""What a record is made of.

That is its kind, which is the same for records that differ in nothing but what follows;
when it was made; its fields; whether there may be None, or what JSON makes null of, in
them; the thread that made it; and the name of the task that did.
"""


class FieldsRecord(logging.LogRecord):
    """A record of a message and fields, which are its attributes when asked for.

    In most processes nobody asks: our formatter takes them from `parts_of`. There is
    a class for each kind of record, whose attributes the records of that kind share.
    They are made by a `RecordMaker`.
    """

    # A single slot: where a class has methods for looking attributes up, each access to
    # one is slow.
    __slots__ = ("_parts",)

    _common: dict[str, Any]
    _parts: Parts | None

    @property
    def __dict__(self) -> dict[str, Any]:
        """Give all attributes, as any record has them."""
        own = _own_attributes(self)
        parts = parts_of(self)
        if parts is not None:
            for name, value in _attributes(self, parts).items():
                # Another thread may have been quicker, and have changed something.
                own.setdefault(name, value)
            _set_parts(self, None)
        return own

    @__dict__.setter
    def __dict__(self, values: dict[str, Any]) -> None:
        own, values = self.__dict__, {**values}
        own.clear()
        own.update(values)

    def __getattr__(self, name: str) -> Any:
        parts = parts_of(self)
        if parts is not None and name in parts[2]:
            return parts[2][name]
        # Where there are no parts, another thread may have made attributes of them
        # since Python looked for this one.
        if name in _OWN or parts is None:
            attributes = self.__dict__
            if name in attributes:
                return attributes[name]
        raise AttributeError(f"The record has no attribute {name!r}.")

    def __setattr__(self, name: str, value: Any) -> None:
        _ = self.__dict__
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        _ = self.__dict__
        super().__delattr__(name)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[dict[str, Any]]]:
        # Copies, and what is sent to other processes, need not be like it inside. That
        # one was made changes nothing.
        parts = parts_of(self)
        attributes = self.__dict__ if parts is None else _attributes(self, parts)
        return logging.makeLogRecord, (attributes,)


_new: Callable[[type[FieldsRecord]], FieldsRecord] = FieldsRecord.__new__
_own_attributes: Callable[[logging.LogRecord], dict[str, Any]]
_own_attributes = vars(logging.LogRecord)["__dict__"].__get__
_set_parts: Callable[[FieldsRecord, Parts | None], None]
_set_parts = vars(FieldsRecord)["_parts"].__set__

parts_of: Callable[[FieldsRecord], Parts | None] = vars(FieldsRecord)["_parts"].__get__
"""Gives what a record is made of; None, if somebody may have changed it."""


def _attributes(record: FieldsRecord, parts: Parts) -> dict[str, Any]:
    return {**record._common, **_moment(parts), **parts[2]}


def _moment(parts: Parts) -> dict[str, Any]:
    _, created, _, _, thread, task = parts
    since = (created - _STARTED) * 1000
    values = (created, int(created % 1 * 1000) + 0.0, since, None, None, task)
    moment = dict(zip(_OWN, values, strict=False))
    if logging.logThreads:
        moment.update(thread=thread.ident, threadName=thread.name)
    return moment


class RecordMaker:
    """Makes the records of a logger, which have no message or one without arguments.

    Args:
        logger_name: the name of the logger.
    """

    def __init__(self, logger_name: str) -> None:
        self._logger_name = logger_name
        # By level, and for this process.
        self._kinds: dict[int, tuple[str, type[FieldsRecord]]] = {}
        _makers.add(self)

    def make(
        self,
        level: int,
        message: str,
        fields: dict[str, Any],
        may_have_nulls: bool = True,
    ) -> logging.LogRecord:
        """Make a record.

        Args:
            level: its level.
            message: its message.
            fields: what become attributes of it; not to be changed afterwards.
            may_have_nulls: whether there may be None, or what JSON makes null of, in
                them.
        """
        if logging.getLogRecordFactory() is not logging.LogRecord:
            return self._make_by_factory(level, message, fields)
        kind = self._kinds.get(level) or self._kind(level)
        name, shared = kind
        # The time and the thread by now, because another one may be who asks.
        now, thread = time.time(), threading.current_thread()
        task = _task_name() if _HAVE_TASKS else None
        record = _new(shared)
        _set_parts(record, (name, now, fields, may_have_nulls, thread, task))
        if message:
            record.msg = message
        return record

    def reset(self) -> None:
        """Forget what only records of another process have in common."""
        self._kinds = {}

    def _kind(self, level: int) -> tuple[str, type[FieldsRecord]]:
        blank = logging.LogRecord(self._logger_name, level, "", 0, "", (), None)
        common = blank.__dict__
        shared = {n: value for n, value in common.items() if n not in _OWN}
        names = {**shared, "__slots__": (), "_common": common}
        kind = type(FieldsRecord.__name__, (FieldsRecord,), names)
        self._kinds[level] = f"{self._logger_name} {level} {blank.process}", kind
        return self._kinds[level]

    def _make_by_factory(
        self, level: int, message: str, fields: dict[str, Any]
    ) -> logging.LogRecord:
        factory = logging.getLogRecordFactory()
        made = factory(self._logger_name, level, "", 0, message, (), None)
        made.__dict__.update(fields)
        return made


_makers: weakref.WeakSet[RecordMaker] = weakref.WeakSet()


def _reset_makers() -> None:
    for maker in _makers:
        maker.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_makers)


def _task_name() -> str | None:
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        return str(asyncio.current_task().get_name())
    except (AttributeError, RuntimeError):
        return None
