"""JSON log lines in the mozlog format, for applications and for request.summary.

Works in any logging set-up, with the names that python-dockerflow uses::

    LOGGING = {
        "version": 1,
        "formatters": {
            "json": {
                "()": "dockerflow_mw.logging.JsonLogFormatter",
                "logger_name": "myservice",
            }
        },
        "filters": {"rid": {"()": "dockerflow_mw.logging.RequestIdLogFilter"}},
        "handlers": {
            "stdout": {
                "class": "dockerflow_mw.logging.MozlogHandler",
                "formatter": "json",
                "filters": ["rid"],
            }
        },
        "root": {"handlers": ["stdout"], "level": "INFO"},
    }

or, where the application has no set-up of its own, in one call of
`configure_logging`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import sys
import traceback
from types import TracebackType
from typing import Any, Literal, TextIO

from dockerflow_mw.request_id import get_or_generate_request_id, request_id_context

__all__ = [
    "JsonLogFormatter",
    "MozlogFormatter",
    "MozlogHandler",
    "RequestIdLogFilter",
    "SafeJSONEncoder",
    "configure_logging",
    "get_or_generate_request_id",
    "request_id_context",
    "safer_format_traceback",
]

DEFAULT_LOGGER_NAME = "Dockerflow"
ENVELOPE_VERSION = "2.0"
MAX_DEPTH = 16

# The attributes of a blank record, whichever the Python version, are not fields.
_BLANK_RECORD = frozenset(
    {*logging.makeLogRecord({}).__dict__, "asctime", "message", "taskName"}
)

# Syslog severities (RFC 5424, section 6.2.1) by the lowest level that has them.
_SEVERITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
_LOWEST_SEVERITY = 7


def safe_repr(value: object) -> str:
    """Give the repr of anything, also of what has none that works."""
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__name__} whose repr raised {type(error).__name__}>"


def safe_str(value: object) -> str:
    """Give the text of anything, or its repr where it has none that works."""
    try:
        return str(value)
    except Exception:
        return safe_repr(value)


def safer_format_traceback(
    exc_type: type[BaseException] | None,
    exc_value: BaseException | None,
    exc_traceback: TracebackType | None,
) -> str:
    """Format a traceback in which the exception's text cannot forge a line."""
    lines = ["Uncaught exception:\n", *traceback.format_tb(exc_traceback)]
    lines.append(f"{exc_type!r}\n{safe_repr(exc_value)}\n")
    return "".join(lines)


class SafeJSONEncoder(json.JSONEncoder):
    """A JSON encoder that falls back to the repr of what JSON does not know."""

    def default(self, o: object) -> Any:
        """Give the repr of a value that JSON does not know."""
        return safe_repr(o)


def _plain(value: object, depth: int = 0) -> Any:
    # What json.dumps takes without raising and every JSON parser reads.
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return _plain_int(value)
    if isinstance(value, float):
        return float(value) if value - value == 0 else repr(float(value))
    if depth >= MAX_DEPTH:
        return safe_repr(type(value))
    if isinstance(value, dict):
        return {
            key if isinstance(key, str) else safe_repr(key): _plain(item, depth + 1)
            for key, item in list(value.items())
        }
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in list(value)]
    return safe_repr(value)


def _plain_int(value: int) -> int | str:
    try:
        json.dumps(int(value))
    except ValueError:
        # Past sys.get_int_max_str_digits() an integer has no decimal form.
        return hex(value)
    return int(value)


class MozlogFormatter(logging.Formatter):
    """Formats any record as one line of JSON in the mozlog 2.0 format.

    Args:
        fmt, datefmt, style: taken for the sake of ini files; not used.
        logger_name: the ``Logger`` of each line, usually the service's name.

    Whatever a record holds, a line comes out and no exception.
    """

    LOGGING_FORMAT_VERSION = ENVELOPE_VERSION
    logger_name: str = DEFAULT_LOGGER_NAME

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        style: Literal["%", "{", "$"] = "%",
        logger_name: str | None = None,
    ) -> None:
        super().__init__()
        if logger_name is not None:
            self.logger_name = logger_name
        self.hostname = socket.gethostname()

    def is_value_jsonlike(self, value: str) -> bool:
        """Tell whether a message looks like a JSON object of its own."""
        return value.startswith("{") and value.endswith("}")

    def convert_record(self, record: logging.LogRecord) -> dict[str, Any]:
        """Give the mozlog object of a record; override it to add to the line."""
        fields: dict[str, Any] = {
            name: value
            for name, value in record.__dict__.items()
            if name not in _BLANK_RECORD
        }
        message = _message(record)
        if message and not self.is_value_jsonlike(message):
            fields["msg"] = message
        if record.exc_info:
            fields.update(_exception_fields(record.exc_info))
        return {
            "Timestamp": int(record.created * 1e9),
            "Type": record.name,
            "Logger": self.logger_name,
            "Hostname": self.hostname,
            "EnvVersion": self.LOGGING_FORMAT_VERSION,
            "Severity": _severity(record.levelno),
            "Pid": record.process,
            "Fields": fields,
        }

    def format(self, record: logging.LogRecord) -> str:
        """Give the record's line, without the newline at its end."""
        converted = self.convert_record(record)
        try:
            return json.dumps(converted, cls=SafeJSONEncoder, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            return json.dumps(_plain(converted), cls=SafeJSONEncoder)


class JsonLogFormatter(MozlogFormatter):
    """The formatter's older name, which python-dockerflow's users know."""


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:
        return f"{safe_repr(record.msg)} % {safe_repr(record.args)}"


def _severity(level: int) -> int:
    for threshold, severity in _SEVERITIES:
        if level >= threshold:
            return severity
    return _LOWEST_SEVERITY


def _exception_fields(exc_info: object) -> dict[str, str]:
    if isinstance(exc_info, BaseException):
        exc_info = (type(exc_info), exc_info, exc_info.__traceback__)
    if not isinstance(exc_info, tuple) or len(exc_info) != 3 or not exc_info[0]:
        return {}
    try:
        formatted = safer_format_traceback(*exc_info)
    except Exception as error:
        formatted = safe_repr(error)
    return {"error": safe_repr(exc_info[1]), "traceback": formatted}


class MozlogHandler(logging.StreamHandler[TextIO]):
    """Writes each record to stdout as one whole line, in one write.

    Args:
        stream: where to write instead of ``sys.stdout``.
        name: the ``Logger`` of each line while no other formatter is set.
    """

    def __init__(
        self, stream: TextIO | None = None, name: str = DEFAULT_LOGGER_NAME
    ) -> None:
        super().__init__(sys.stdout if stream is None else stream)
        self.logger_name = name
        self.formatter = MozlogFormatter(logger_name=name)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's line; a failure never reaches the caller."""
        try:
            self.stream.write(self.format(record) + self.terminator)
            self.flush()
        except Exception:
            self.handleError(record)


class RequestIdLogFilter(logging.Filter):
    """Gives every record the id of the request at hand as ``rid``; drops none."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set ``record.rid``, which is None outside of requests."""
        if not hasattr(record, "rid"):
            record.rid = request_id_context.get()
        return True


def configure_logging(
    *, logger_name: str = DEFAULT_LOGGER_NAME, level: int | str = logging.INFO
) -> None:
    """Set the root logger up for JSON lines on stdout; a second call changes nothing.

    Args:
        logger_name: the ``Logger`` of each line, usually the service's name.
        level: the root logger's level.
    """
    root = logging.getLogger()
    if any(isinstance(handler, MozlogHandler) for handler in root.handlers):
        return
    handler = MozlogHandler(name=logger_name)
    handler.addFilter(RequestIdLogFilter())
    root.addHandler(handler)
    root.setLevel(level)


def log_safely(
    logger: logging.Logger,
    level: int,
    message: str,
    *args: object,
    error: BaseException | None = None,
    extra: dict[str, Any] | None = None,
) -> None:
    """Log a record of our own; what a handler or a filter raises stays here.

    Args:
        logger, level, message, args: as for `logging.Logger.log`.
        error: the exception whose traceback the record has.
        extra: the fields of the record.
    """
    try:
        logger.log(level, message, *args, exc_info=error, extra=extra, stacklevel=2)
    except Exception as failure:
        complain(f"A record of {logger.name} was lost: {safe_repr(failure)}.")


def complain(sentence: str) -> None:
    """Say on stderr that logging itself failed, where no log could carry it."""
    with contextlib.suppress(OSError):
        os.write(2, f"dockerflow_mw: {sentence}\n".encode(errors="replace"))
