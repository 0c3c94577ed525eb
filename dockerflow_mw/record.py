"""Log records that are nothing but fields, made without looking for who logs them."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

# When the logging module was loaded, from which it counts.
_blank = logging.LogRecord("", 0, "", 0, "", (), None)
_STARTED = _blank.created - _blank.relativeCreated / 1000

# Python 3.11 has none.
_HAVE_TASKS = "taskName" in _blank.__dict__

# What differs from one record to the next, in the order of the logging module's.
_OWN = ("created", "msecs", "relativeCreated", "thread", "threadName", "taskName")


class FieldsRecord(logging.LogRecord):
    """A record of a message and fields, which are its attributes when asked for.

    In most processes nobody asks: our formatter takes them from `untouched`. There is
    a class for each kind of record, whose attributes the records of that kind share.

    They are made by a `RecordMaker`.
    """

    __slots__ = ("_created", "_fields", "_is_mixed", "_task", "_thread")

    _kind: str
    _common: dict[str, Any]
    _created: float
    _fields: dict[str, Any] | None
    _is_mixed: bool
    _task: str | None
    _thread: threading.Thread

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]  # it is no method
        """Give all attributes, as any record has them."""
        own = _own_attributes(self)
        fields, self._fields = self._fields, None
        if fields is not None:
            changed = own.copy()
            own.update(self._common)
            own.update(self._moment())
            own.update(fields)
            own.update(changed)
        return own

    def __getattr__(self, name: str) -> Any:
        fields = self._fields
        if fields is not None:
            if name in fields:
                return fields[name]
            if name in _OWN:
                return self.__dict__[name]
        raise AttributeError(f"The record has no attribute {name!r}.")

    def __delattr__(self, name: str) -> None:
        _ = self.__dict__
        super().__delattr__(name)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[dict[str, Any]]]:
        # Copies, and what is sent to other processes, need not be like it inside.
        return logging.makeLogRecord, (self.__dict__,)

    def _moment(self) -> dict[str, Any]:
        created, thread = self._created, self._thread
        since = (created - _STARTED) * 1000
        values = (created, int(created % 1 * 1000) + 0.0, since, None, None, self._task)
        moment = dict(zip(_OWN if _HAVE_TASKS else _OWN[:-1], values, strict=False))
        if logging.logThreads:
            moment.update(thread=thread.ident, threadName=thread.name)
        return moment


_new: Callable[[type[FieldsRecord]], FieldsRecord] = FieldsRecord.__new__
_own_attributes: Callable[[logging.LogRecord], dict[str, Any]]
_own_attributes = logging.LogRecord.__dict__["__dict__"].__get__


def untouched(record: FieldsRecord) -> tuple[str, float, dict[str, Any], bool] | None:
    """Give a record's kind, the time of its creation, its fields, and what they hold.

    The kind is the same for records that differ in nothing else. What they hold is
    whether there may be anything but texts and numbers in them.

    Returns:
        None, if somebody may have changed it, or if it has a message.
    """
    fields = record._fields
    if fields is None or _own_attributes(record):
        return None
    return record._kind, record._created, fields, record._is_mixed


class RecordMaker:
    """Makes the records of a logger, which have no message or one without arguments.

    Args:
        logger_name: the name of the logger.
    """

    def __init__(self, logger_name: str) -> None:
        self._logger_name = logger_name
        # By level, and for this process.
        self._kinds: dict[int, type[FieldsRecord]] = {}
        _makers.add(self)

    def make(
        self, level: int, message: str, fields: dict[str, Any], is_mixed: bool = True
    ) -> logging.LogRecord:
        """Make a record.

        Args:
            level: its level.
            message: its message.
            fields: what become attributes of it; not to be changed afterwards.
            is_mixed: whether there may be anything but texts and numbers in them.
        """
        if logging.getLogRecordFactory() is not logging.LogRecord:
            return self._make_by_factory(level, message, fields)
        kind = self._kinds.get(level) or self._kind(level)
        # Not by a constructor, for there is a record for each request.
        record = _new(kind)
        # By now, because another thread or task may be who asks.
        record._created = time.time()
        record._thread = threading.current_thread()
        record._task = _task_name() if _HAVE_TASKS else None
        record._fields = fields
        record._is_mixed = is_mixed
        if message:
            record.msg = message
        return record

    def reset(self) -> None:
        """Forget what only records of another process have in common."""
        self._kinds = {}

    def _kind(self, level: int) -> type[FieldsRecord]:
        blank = logging.LogRecord(self._logger_name, level, "", 0, "", (), None)
        attributes = blank.__dict__
        shared = {n: value for n, value in attributes.items() if n not in _OWN}
        name = f"{self._logger_name} {level} {blank.process}"
        own = {"__slots__": (), "_kind": name, "_common": attributes}
        kind = type(FieldsRecord.__name__, (FieldsRecord,), {**shared, **own})
        self._kinds[level] = kind
        return kind

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
