"""Formats a record as one line of JSON, whatever the record holds."""

from __future__ import annotations

import json
import logging
import socket
import time
import traceback
import warnings
from collections.abc import Mapping, Set
from types import TracebackType
from typing import Any, Literal

from dockerflow_mw.logging import schema
from dockerflow_mw.logging.encoding import encode_without_null, safe_repr, safe_str
from dockerflow_mw.logging.profiles import Profile, read_profile
from dockerflow_mw.settings import readers

DEFAULT_LOGGER_NAME = "Dockerflow"

# Docker splits lines at 16 KiB, syslog daemons at 8 KiB by default.
DEFAULT_MAX_BYTES = 8192
MINIMAL_MAX_BYTES = 512

# The attributes that the constructor of every record sets, in this order.
_STANDARD = [*logging.LogRecord("", 0, "", 0, "", (), None).__dict__]
_COUNT = len(_STANDARD)
_LAST_INDEX, _LAST_NAME = _COUNT - 1, _STANDARD[-1]

# The attributes of a record that are not fields, in any version of Python.
BLANK_RECORD = frozenset(_STANDARD) | {"asctime", "logger_name", "message", "taskName"}


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
        read = readers.number(
            int, low=0 if str(max_bytes) == "0" else MINIMAL_MAX_BYTES
        )
        self.max_bytes = readers.setting("max_bytes", max_bytes, read, allowed)
        self._strict = strict
        self._profile = read_profile(severity)

    def is_value_jsonlike(self, value: str) -> bool:
        """Return whether a message is a JSON object, whose members become fields."""
        return _json_object(value) is not None

    def convert_record(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return the mozlog object of a record; subclasses override it to add to it."""
        level, levels = record.levelno, self.SYSLOG_LEVEL_MAP
        return {
            "Timestamp": int(record.created * 1e9) if record.created > 0 else 0,
            "Type": record.name,
            "Logger": record.__dict__.get("logger_name") or self.logger_name,
            "Hostname": self.hostname,
            "EnvVersion": self.LOGGING_FORMAT_VERSION,
            "Severity": levels[level] if level in levels else self._severity(level),
            "Pid": record.process,
            "Fields": self._fields(record),
        }

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line, without a newline."""
        try:
            line = self.convert_record(record)
            if self._strict:
                line = schema.strict(line)
            if self._profile:
                # The members of a subclass's convert_record() go first.
                line = self._profile(record, line) | line
            text = encode_without_null(line) if line.get("Fields") else None
            # A character takes four bytes at most.
            if text and len(text) * 4 < self.max_bytes:
                return text
            return schema.encode_line(line, self.max_bytes)
        except Exception as error:
            # A subclass's convert_record() may raise.
            return schema.encode_line(self._fallback(record, error), self.max_bytes)

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        excluded = self.EXCLUDED_LOGRECORD_ATTRS
        attributes = record.__dict__
        names = [*attributes]
        # A subclass of LogRecord may set attributes before the standard ones.
        if excluded is BLANK_RECORD and names[_LAST_INDEX] == _LAST_NAME:
            names = names[_COUNT:]
        fields = {}
        for name in names:
            value = attributes[name]
            if value is not None and name not in excluded:
                fields[name] = value
        is_text = isinstance(record.msg, str)
        if record.msg or not is_text:
            message = _message(record)
            if not is_text or message[:1] == "{":
                self._add_members(record, message, fields)
            elif message:
                fields["msg"] = message
        if record.exc_info and record.exc_info[0]:
            fields["error"] = safe_repr(record.exc_info[1])
            fields["traceback"] = safer_format_traceback(*record.exc_info)
        elif record.exc_text:
            # A record from another process has the text only.
            fields["traceback"] = safe_str(record.exc_text)
        if record.stack_info:
            fields["stack"] = safe_str(record.stack_info)
        return fields

    def _add_members(
        self, record: logging.LogRecord, message: str, fields: dict[str, Any]
    ) -> None:
        # If the message is a JSON object, each of its members is a field.
        members: Any = None
        if isinstance(record.msg, Mapping) and not record.args:
            members = record.msg
        elif not isinstance(record.msg, PlainText) and self.is_value_jsonlike(message):
            members = _json_object(message)
        if members is None:
            members = {"msg": message} if message else {}
        # An attribute that is None is not in the fields, and keeps its name.
        own = record.__dict__.keys() - BLANK_RECORD
        for name, value in members.items():
            is_taken = name in fields or name in own
            fields[f"msg.{safe_str(name)}" if is_taken else name] = value

    def _fallback(self, record: logging.LogRecord, error: Exception) -> dict[str, Any]:
        return {
            "Timestamp": time.time_ns(),
            "Type": safe_str(getattr(record, "name", "")),
            "Logger": getattr(record, "logger_name", self.logger_name),
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


class JsonLogFormatter(MozlogFormatter):
    """A deprecated name of `MozlogFormatter`, with the same parameters."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        text = "JsonLogFormatter is deprecated; use MozlogFormatter."
        warnings.warn(text, DeprecationWarning, stacklevel=2)
        super().__init__(*args, **kwargs)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
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
