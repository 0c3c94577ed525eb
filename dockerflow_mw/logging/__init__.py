"""JSON log lines in the mozlog format, for applications and for request.summary.

Works in any logging set-up, with the names that python-dockerflow uses::

    LOGGING = {
        "version": 1,
        "disable_existing_loggers": False,
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

import logging
import sys
from typing import Any, TextIO

from dockerflow_mw.logging.encoding import SafeJSONEncoder, safe_repr
from dockerflow_mw.logging.formatter import (
    DEFAULT_LOGGER_NAME,
    JsonLogFormatter,
    MozlogFormatter,
    safer_format_traceback,
)
from dockerflow_mw.logging.handler import LineHandler, complain
from dockerflow_mw.request_id import (
    get_or_generate_request_id,
    request_id_context,
    trace_fields,
    wrap,
)

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
    "wrap",
]


class MozlogHandler(LineHandler):
    """Writes each record as one whole line, to stdout if nothing else is said.

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


class RequestIdLogFilter(logging.Filter):
    """Gives every record the id of the request at hand as ``rid``; drops none.

    Outside of requests that is None. Where there is a trace, its ``trace_id`` and
    ``span_id`` are there as well.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Set ``record.rid``, unless it is there already."""
        if not hasattr(record, "rid"):
            record.rid = request_id_context.get()
        for name, value in trace_fields().items():
            if not hasattr(record, name):
                setattr(record, name, value)
        return True


def configure_logging(
    *, logger_name: str = DEFAULT_LOGGER_NAME, level: int | str | None = None
) -> None:
    """Set the root logger up for JSON lines on stdout; a second call changes nothing.

    Args:
        logger_name: the ``Logger`` of each line, usually the service's name.
        level: the root logger's level, by default INFO where nobody has set one.
    """
    root = logging.getLogger()
    if any(isinstance(handler, MozlogHandler) for handler in root.handlers):
        return
    handler = MozlogHandler(name=logger_name)
    handler.addFilter(RequestIdLogFilter())
    root.addHandler(handler)
    if level is not None:
        root.setLevel(level)
    elif root.level == logging.WARNING:
        root.setLevel(logging.INFO)


def enable_loggers() -> None:
    """Undo what ``disable_existing_loggers`` has done to the loggers of this package.

    It is on where a configuration does not say otherwise, and silences what was there
    before it, which the loggers of a middleware always were.
    """
    for name, logger in list(logging.root.manager.loggerDict.items()):
        ours = name == "request.summary" or name.startswith("dockerflow.")
        if ours and isinstance(logger, logging.Logger):
            logger.disabled = False


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
        if not logger.isEnabledFor(level):
            return
        exc_info = None if error is None else (type(error), error, error.__traceback__)
        record = logger.makeRecord(
            logger.name, level, "", 0, message, args, exc_info, None, None
        )
        # Not as extra, which is refused where somebody's factory has the same names.
        record.__dict__.update(extra or {})
        logger.handle(record)
    except Exception as failure:
        complain(f"A record of {logger.name} was lost: {safe_repr(failure)}.")
