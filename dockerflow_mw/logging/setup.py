"""Sets loggers up, and adds the request id to their records."""

from __future__ import annotations

import logging

from dockerflow_mw.logging.formatter import DEFAULT_LOGGER_NAME
from dockerflow_mw.logging.handler import MozlogHandler
from dockerflow_mw.request_id import request_id_context, trace_fields


class RequestIdLogFilter(logging.Filter):
    """A filter that adds the current request's id to every record, as ``rid``.

    Outside of requests ``rid`` is None. If there is a current trace, its ``trace_id``
    and ``span_id`` are added as well. The filter accepts all records.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the attributes that the record does not have yet; return True."""
        attributes = {"rid": request_id_context.get(), **trace_fields()}
        for name, value in attributes.items():
            if not hasattr(record, name):
                setattr(record, name, value)
        return True


def configure_logging(
    *, logger_name: str = DEFAULT_LOGGER_NAME, level: int | str | None = None
) -> None:
    """Set the root logger up for JSON lines on stdout.

    If the root logger already has a `MozlogHandler`, nothing changes.

    Args:
        logger_name: the ``Logger`` of each line, usually the service's name.
        level: the root logger's level. By default a level of WARNING, which is the
            standard library's default, becomes INFO.
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
    """Enable the loggers of this package again.

    ``logging.config`` disables every logger that exists before it runs, unless
    ``disable_existing_loggers`` is false. The loggers of a middleware always exist.
    """
    for name, logger in list(logging.root.manager.loggerDict.items()):
        is_ours = name == "request.summary" or name.startswith("dockerflow.")
        if is_ours and isinstance(logger, logging.Logger):
            logger.disabled = False
