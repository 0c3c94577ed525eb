"""Sets loggers up."""

from __future__ import annotations

import logging

from dockerflow_mw.logging.filters import RequestIdLogFilter
from dockerflow_mw.logging.formatter import DEFAULT_LOGGER_NAME
from dockerflow_mw.logging.handler import MozlogHandler


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
