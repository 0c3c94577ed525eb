"""Formats a record as one line of JSON, whatever the record holds."""

from __future__ import annotations

import functools
import json
import logging
import socket
import time
import traceback
from collections.abc import Mapping, Set
from types import TracebackType
from typing import Any, Literal

from dockerflow_mw.logging import schema
from dockerflow_mw.logging.encoding import (
    encode,
    encode_without_null,
    safe_repr,
    safe_str,
)
from dockerflow_mw.logging.profiles import Profile, read_profile
from dockerflow_mw.settings import readers

DEFAULT_LOGGER_NAME = "Dockerflow"

# Docker splits lines at 16 KiB, syslog daemons at 8 KiB by default.
DEFAULT_MAX_BYTES = 8192
MINIMAL_MAX_BYTES = 512

# The attributes of a record that are not fields, in any version of Python.
BLANK_RECORD = frozenset(
    {
        *logging.LogRecord("", 0, "", 0, "", (), None).__dict__,
        *("asctime", "logger_name", "message", "taskName"),
    }
)

# The members of a line that are the same in many lines.
_CONSTANT = ("Type", "Logger", "Hostname", "EnvVersion", "Severity", "Pid")


class PlainText(str):
    """A message that is never parsed as JSON."""

    __slots__ = ()


def safer_format_traceback(
    exc_type: type[BaseException] | None,
    exc_value: BaseException | None,
    exc_traceback: TracebackType | None,
) -> str:
    """Return a traceback that shows the exception by its repr.

    The repr escapes newlines, so the exception's text cannot forge a line.
    """
    lines = ["Uncaught exception:\n", *traceback.format_tb(exc_traceback)]
    lines.append(f"{exc_type!r}\n{safe_repr(exc_value)}\n")
    return "".join(lines)


class MozlogFormatter(logging.Formatter):
    """A formatter of lines of JSON in the mozlog 2.0 format.

    `format` returns a line for any record and never raises.

    Args:
        fmt, datefmt, style: accepted for ini files, and unused.
        logger_name: the ``Logger`` of each line, usually the service's name.
        severity: ``"gcp"`` adds the fields that Google Cloud Logging reads. The
            default is the value of the variable ``DOCKERFLOW_LOG_PROFILE``.
        strict: whether each line is valid under the mozlog JSON Schema, which requires
            flat fields.
        max_bytes: the length limit of a line with its newline; 0 for none. Longer
            texts are shortened.

    Raises:
        dockerflow_mw.settings.SettingsError: a value is not allowed.
    """

    LOGGING_FORMAT_VERSION = "2.0"

    # RFC 5424, section 6.2.1. Unknown levels fall back to the next lower one.
    SYSLOG_LEVEL_MAP: Mapping[int, int] = {50: 2, 40: 3, 30: 4, 20: 6, 10: 7}
    DEFAULT_SYSLOG_LEVEL = 7

    EXCLUDED_LOGRECORD_ATTRS: Set[str] = BLANK_RECORD

    # The defaults of subclasses that do not call the constructor.
    logger_name: str = DEFAULT_LOGGER_NAME
    hostname = socket.gethostname()
    max_bytes = DEFAULT_MAX_BYTES
    _strict = False
    _profile: Profile | None = None

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        style: Literal["%", "{", "$"] = "%",
        logger_name: str | None = None,
        *,
        severity: str | None = None,
        strict: bool = False,
        max_bytes: int = DEFAULT_MAX_BYTES,
    ) -> None:
        super().__init__()
        if logger_name is not None:
            self.logger_name = logger_name
        self.hostname = socket.gethostname()
        allowed = f"0 or a number of bytes from {MINIMAL_MAX_BYTES}"
        self.max_bytes = readers.setting("max_bytes", max_bytes, _size, allowed)
        self._strict = strict
        self._profile = read_profile(severity)

    def is_value_jsonlike(self, value: str) -> bool:
        """Return whether a message is a JSON object, whose members become fields."""
        return _json_object(value) is not None

    def convert_record(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return the mozlog object of a record; subclasses override it to add to it."""
        return {
            "Timestamp": max(int(record.created * 1e9), 0),
            **dict(zip(_CONSTANT, self._constant(record), strict=True)),
            "Fields": self._fields(record),
        }

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line, without a newline."""
        try:
            return self._format_default(record) or self._format_converted(record)
        except Exception as error:
            # A subclass's convert_record() may raise.
            return self._encode(self._fallback(record, error))

    def _format_default(self, record: logging.LogRecord) -> str | None:
        # Returns the line of convert_record() with less encoding. Returns None if a
        # subclass, option or value needs more.
        convert = getattr(self.convert_record, "__func__", None)
        if convert is not _CONVERT_RECORD or self._strict or self._profile:
            return None
        fields = self._fields(record)
        text = encode_without_null(fields) if fields else None
        if text is None:
            return None
        timestamp = max(int(record.created * 1e9), 0)
        constant = _encode_constant(*self._constant(record))
        line = f'{{"Timestamp":{timestamp},{constant},"Fields":{text}}}'
        return line if self._fits(line) else None

    def _format_converted(self, record: logging.LogRecord) -> str:
        line = self.convert_record(record)
        if self._strict:
            line = schema.strict(line)
        if self._profile:
            line = line | self._profile(record, line)
        return self._encode(schema.without_nulls(line))

    def _encode(self, line: dict[str, Any]) -> str:
        text = encode(line)
        return text if self._fits(text) else schema.shorten(line, self.max_bytes - 1)

    def _fits(self, text: str) -> bool:
        # A character takes four bytes at most.
        limit = self.max_bytes - 1
        return limit < 0 or len(text) * 4 <= limit or len(text.encode()) <= limit

    def _constant(self, record: logging.LogRecord) -> tuple[Any, ...]:
        level, levels = record.levelno, self.SYSLOG_LEVEL_MAP
        return (
            record.name,
            record.__dict__.get("logger_name") or self.logger_name,
            self.hostname,
            self.LOGGING_FORMAT_VERSION,
            levels[level] if level in levels else self._severity(level),
            record.process,
        )

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        excluded = self.EXCLUDED_LOGRECORD_ATTRS
        fields: dict[str, Any] = {}
        for name, value in record.__dict__.items():
            if name not in excluded and value is not None:
                fields[name] = value  # noqa: PERF403 - the loop is faster
        self._add_message(record, fields)
        if record.exc_info and record.exc_info[0]:
            fields["error"] = safe_repr(record.exc_info[1])
            fields["traceback"] = safer_format_traceback(*record.exc_info)
        elif record.exc_text:
            # A record from another process has the text only.
            fields["traceback"] = safe_str(record.exc_text)
        if record.stack_info:
            fields["stack"] = safe_str(record.stack_info)
        return fields

    def _add_message(self, record: logging.LogRecord, fields: dict[str, Any]) -> None:
        message = _message(record)
        members = None
        if not isinstance(record.msg, str) or message.startswith("{"):
            members = self._members(record, message)
        if members is not None:
            for name, value in members.items():
                fields[f"msg.{safe_str(name)}" if name in fields else name] = value
        elif message:
            fields["msg"] = message

    def _members(self, record: logging.LogRecord, text: str) -> Any:
        # The members of a message that is a JSON object, or None.
        if isinstance(record.msg, Mapping) and not record.args:
            return record.msg
        if isinstance(record.msg, PlainText) or not self.is_value_jsonlike(text):
            return None
        return _json_object(text)

    def _fallback(self, record: logging.LogRecord, error: Exception) -> dict[str, Any]:
        return {
            "Timestamp": time.time_ns(),
            "Type": safe_str(getattr(record, "name", "")),
            "Logger": self.logger_name,
            "EnvVersion": self.LOGGING_FORMAT_VERSION,
            "Severity": self._severity(getattr(record, "levelno", 0)),
            "Fields": {"msg": _message(record), "formatter_error": safe_repr(error)},
        }

    def _severity(self, level: object) -> int:
        if not isinstance(level, (int, float)):
            return self.DEFAULT_SYSLOG_LEVEL
        levels = self.SYSLOG_LEVEL_MAP
        lower = [known for known in levels if known <= level]
        return levels[max(lower)] if lower else self.DEFAULT_SYSLOG_LEVEL


_CONVERT_RECORD = MozlogFormatter.convert_record


class JsonLogFormatter(MozlogFormatter):
    """A `MozlogFormatter` under the older name that python-dockerflow gave it."""


@functools.lru_cache(maxsize=1024)
def _encode_constant(*values: object) -> str:
    members = dict(zip(_CONSTANT, values, strict=True))
    return encode(schema.without_nulls(members))[1:-1]


def _size(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError
    size = int(value)
    if size != 0 and size < MINIMAL_MAX_BYTES:
        raise ValueError
    return size


def _message(record: logging.LogRecord) -> str:
    try:
        return str.__str__(record.getMessage())
    except Exception:
        return f"{safe_repr(record.msg)} % {safe_repr(record.args)}"


def _json_object(text: str) -> dict[str, Any] | None:
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
