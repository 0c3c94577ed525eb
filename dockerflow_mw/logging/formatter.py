"""The formatter: a record becomes one line of JSON, whatever it holds."""

from __future__ import annotations

import copy
import json
import logging
import os
import socket
import sys
import time
import traceback
from collections.abc import Mapping, Set
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, TypeVar

from dockerflow_mw.logging import schema
from dockerflow_mw.logging.encoding import encode, encode_clean, safe_repr, safe_str
from dockerflow_mw.logging.record import FieldsRecord, parts_of
from dockerflow_mw.settings import readers

T = TypeVar("T")

DEFAULT_LOGGER_NAME = "Dockerflow"
ENVELOPE_VERSION = "2.0"

# Every container runtime that is known to split long lines takes this one whole.
DEFAULT_MAX_BYTES = 8192
MINIMAL_MAX_BYTES = 512

# The attributes that are not fields, whichever the Python version.
_BLANK = logging.LogRecord("", 0, "", 0, "", (), None)
_BESIDE = ("asctime", "logger_name", "message", "taskName")
BLANK_RECORD = frozenset({*_BLANK.__dict__, *_BESIDE})

# What an int64 holds, and what a datetime can be of.
_LARGEST_TIMESTAMP = 2**63 - 1
_LAST_SECOND = 253_402_300_799

# Google Cloud's names (LogEntry's LogSeverity), by the lowest level that has them.
_CLOUD_SEVERITIES = {
    logging.CRITICAL: "CRITICAL",
    logging.ERROR: "ERROR",
    logging.WARNING: "WARNING",
    logging.INFO: "INFO",
}


class PlainText(str):
    """A message that is never taken for JSON, whoever wrote it."""

    __slots__ = ()


def safer_format_traceback(
    exc_type: type[BaseException] | None,
    exc_value: BaseException | None,
    exc_traceback: TracebackType | None,
) -> str:
    """Format a traceback in which the exception's text cannot forge a line."""
    lines = ["Uncaught exception:\n", *traceback.format_tb(exc_traceback)]
    lines.append(f"{exc_type!r}\n{safe_repr(exc_value)}\n")
    return "".join(lines)


class MozlogFormatter(logging.Formatter):
    """Formats any record as one line of JSON in the mozlog 2.0 format.

    Args:
        fmt, datefmt, style: taken for the sake of ini files; not used.
        logger_name: the ``Logger`` of each line, usually the service's name.
        severity: ``"gcp"`` adds what Google Cloud Logging reads beside what mozlog
            asks for; by default the variable ``DOCKERFLOW_LOG_PROFILE`` decides.
        strict: whether each line is valid under the mozlog JSON Schema, whose fields
            are flat.
        max_bytes: how long a line may be, its end included; 0 for no limit.

    Raises:
        dockerflow_mw.settings.SettingsError: a value is not allowed.

    Whatever a record holds, a line comes out and no exception.
    """

    LOGGING_FORMAT_VERSION = ENVELOPE_VERSION

    # RFC 5424, section 6.2.1; what is not listed has that of the next lower level.
    SYSLOG_LEVEL_MAP: Mapping[int, int] = {50: 2, 40: 3, 30: 4, 20: 6, 10: 7}
    DEFAULT_SYSLOG_LEVEL = 7

    EXCLUDED_LOGRECORD_ATTRS: Set[str] = BLANK_RECORD

    logger_name: str = DEFAULT_LOGGER_NAME

    # For subclasses that do not call the constructor.
    hostname = socket.gethostname()
    _gcp = False
    _strict = False
    _max_bytes = DEFAULT_MAX_BYTES
    _is_usual = False

    # By kind of record, what is between the time and the fields of a line.
    _envelopes: dict[str, str]

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
        self._gcp = _profile(severity) == "gcp"
        self._strict = strict
        allowed = f"0 or a number of bytes from {MINIMAL_MAX_BYTES}"
        self._max_bytes = readers.setting("max_bytes", max_bytes, _size, allowed)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        self._forget()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self._forget()

    def _forget(self) -> None:
        # Lines may depend on any attribute. Not by setting these two, which would have
        # them forgotten without end.
        vars(self).update(_envelopes={}, _is_usual=self._is_unchanged())

    def _is_unchanged(self) -> bool:
        convert = getattr(self.convert_record, "__func__", None)
        if convert is not _CONVERT or self._strict or self._gcp:
            return False
        return self.EXCLUDED_LOGRECORD_ATTRS is BLANK_RECORD

    def is_value_jsonlike(self, value: str) -> bool:
        """Tell whether a message is a JSON object, whose members become fields."""
        return _json_object(value) is not None

    def convert_record(self, record: logging.LogRecord) -> dict[str, Any]:
        """Give the mozlog object of a record; override it to add to the line."""
        values, excluded = record.__dict__, self.EXCLUDED_LOGRECORD_ATTRS
        fields = {n: value for n, value in values.items() if n not in excluded}
        self._add_message(record, fields)
        if record.exc_info:
            fields.update(_exception_fields(record.exc_info))
        elif record.exc_text:
            # All that is left of an exception in a record from another process.
            fields["traceback"] = safe_str(record.exc_text)
        if record.stack_info:
            fields["stack"] = safe_str(record.stack_info)
        return {
            "Timestamp": _nanoseconds(record.created),
            "Type": record.name,
            "Logger": values.get("logger_name") or self.logger_name,
            "Hostname": self.hostname,
            "EnvVersion": self.LOGGING_FORMAT_VERSION,
            "Severity": self._severity(record.levelno),
            "Pid": record.process,
            "Fields": fields,
        }

    def format(self, record: logging.LogRecord) -> str:
        """Give the record's line, without the newline at its end."""
        try:
            if isinstance(record, FieldsRecord) and self._is_usual:
                text = self._format_fields(record)
                if text is not None:
                    return text
            line = self.convert_record(record)
            if self._strict or self._gcp:
                line = self._complete(record, line)
            return self._encoded(line)
        except Exception as error:
            # Somebody's convert_record raised; the message at least is not lost.
            return self._encoded(self._last_resort(record, error))

    def _format_fields(self, record: FieldsRecord) -> str | None:
        # The line that convert_record would give, of a record without anything out
        # of the ordinary; of all else, None. Each request has such a record.
        parts = parts_of(record)
        if parts is None:
            return None
        kind, created, fields, may_have_nulls, _, _ = parts
        text = encode_clean(fields, may_have_nulls)
        if text is None:
            return None
        envelope = self._envelopes.get(kind)
        if envelope is None:
            envelope = self._envelope(kind, record)
        line = f'{{"Timestamp":{int(created * 1e9)},{envelope}{text}}}'
        fits = len(line) * 4 < self._max_bytes or not self._max_bytes
        return line if fits else None

    def _envelope(self, kind: str, record: FieldsRecord) -> str:
        envelopes = self._envelopes
        line = self.convert_record(copy.copy(record))
        del line["Timestamp"]
        # Without the brace before, and the 0 and the brace behind.
        envelope = encode(schema.without_nulls({**line, "Fields": 0}))[1:-2]
        envelopes[kind] = envelope
        return envelope

    def _complete(
        self, record: logging.LogRecord, line: dict[str, Any]
    ) -> dict[str, Any]:
        if self._strict:
            line = schema.strict(line)
        if self._gcp:
            line = line | _google_cloud(record, line)
        return line

    def _encoded(self, line: dict[str, Any]) -> str:
        text = encode_clean(line) if line.get("Fields") else None
        if text is None:
            line = schema.without_nulls({**line})
            text = encode(line)
        # Cheap before exact: no character is more than four bytes long.
        room = self._max_bytes - 1
        if room < 0 or len(text) * 4 <= room or len(text.encode()) <= room:
            return text
        return schema.fitted(line, room)

    def _severity(self, level: object) -> int:
        return _of_level(level, self.SYSLOG_LEVEL_MAP, self.DEFAULT_SYSLOG_LEVEL)

    def _last_resort(
        self, record: logging.LogRecord, error: Exception
    ) -> dict[str, Any]:
        return {
            "Timestamp": time.time_ns(),
            "Type": safe_str(getattr(record, "name", "")),
            "Logger": self.logger_name,
            "EnvVersion": self.LOGGING_FORMAT_VERSION,
            "Severity": self._severity(getattr(record, "levelno", 0)),
            "Fields": {"msg": _message(record), "formatter_error": safe_repr(error)},
        }

    def _add_message(self, record: logging.LogRecord, fields: dict[str, Any]) -> None:
        members: Mapping[Any, Any] | None = None
        if isinstance(record.msg, Mapping) and not record.args:
            members = record.msg
        elif message := _message(record):
            is_text = record.msg.__class__ is PlainText
            # The hook first, for whoever overrides it to say no.
            if not is_text and self.is_value_jsonlike(message):
                members = _json_object(message)
            if members is None:
                fields["msg"] = message
        for name, value in (members or {}).items():
            fields[f"msg.{safe_str(name)}" if name in fields else name] = value


_CONVERT = MozlogFormatter.convert_record


class JsonLogFormatter(MozlogFormatter):
    """The formatter's older name, which python-dockerflow's users know."""


def _profile(severity: str | None) -> str:
    variable = "DOCKERFLOW_LOG_PROFILE"
    if severity is not None:
        return readers.setting("severity", severity, _profile_name, "mozlog or gcp")
    value = os.environ.get(variable) or "mozlog"
    return readers.setting(variable, value, _profile_name, "mozlog or gcp")


def _profile_name(value: object) -> str:
    if value not in ("mozlog", "gcp"):
        raise ValueError
    return str(value)


def _size(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError
    size = int(value)
    if size != 0 and size < MINIMAL_MAX_BYTES:
        raise ValueError
    return size


def _nanoseconds(created: Any) -> int:
    try:
        return min(max(int(created * 1e9), 0), _LARGEST_TIMESTAMP)
    except (ArithmeticError, TypeError, ValueError):
        return time.time_ns()


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


def _of_level(level: object, table: Mapping[int, T], default: T) -> T:
    # Of a level that is not in the table, the next lower one's.
    if not isinstance(level, (int, float)):
        return default
    if level in table:
        return table[level]  # type: ignore[index]  # 20.0 is 20
    lower = [known for known in table if known <= level]
    return table[max(lower)] if lower else default


def _exception_fields(exc_info: object) -> dict[str, str]:
    if exc_info is True:
        exc_info = sys.exc_info()
    if isinstance(exc_info, BaseException):
        exc_info = (type(exc_info), exc_info, exc_info.__traceback__)
    if not isinstance(exc_info, tuple) or len(exc_info) != 3 or not exc_info[0]:
        return {}
    try:
        formatted = safer_format_traceback(*exc_info)
    except Exception as error:
        formatted = safe_repr(error)
    return {"error": safe_repr(exc_info[1]), "traceback": formatted}


def _google_cloud(record: logging.LogRecord, line: dict[str, Any]) -> dict[str, Any]:
    # The special fields of structured logs in Google Cloud's documentation.
    fields = line.get("Fields")
    if not isinstance(fields, dict):
        fields = {}
    created = min(_nanoseconds(record.created) / 1e9, _LAST_SECOND)
    message = fields.get("msg") or line.get("Type", "")
    special = {
        "severity": _of_level(record.levelno, _CLOUD_SEVERITIES, "DEBUG"),
        "message": message if isinstance(message, str) else encode(message),
        "time": datetime.fromtimestamp(created, UTC).isoformat(),
    }
    if trace_id := fields.get("trace_id"):
        project = os.environ.get("GOOGLE_CLOUD_PROJECT")
        trace = f"projects/{project}/traces/{trace_id}" if project else trace_id
        special["logging.googleapis.com/trace"] = trace
    if span_id := fields.get("span_id"):
        special["logging.googleapis.com/spanId"] = span_id
    return special
