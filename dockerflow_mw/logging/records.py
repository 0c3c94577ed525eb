"""Makes and logs the records of this package."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from dockerflow_mw.logging.encoding import safe_repr
from dockerflow_mw.logging.handler import complain


def make_record(
    logger: logging.Logger,
    level: int,
    message: str,
    fields: Mapping[str, Any],
    *,
    args: tuple[object, ...] = (),
    error: BaseException | None = None,
) -> logging.LogRecord:
    """Return a record without the place in the code, which takes a stack walk to find.

    Args:
        logger, level, message, args: as for `logging.Logger.log`.
        fields: the attributes to add to the record.
        error: the exception whose traceback the record gets.
    """
    exc_info = None if error is None else (type(error), error, error.__traceback__)
    new_record = logging.getLogRecordFactory()
    record = new_record(logger.name, level, "", 0, message, args, exc_info)
    record.__dict__.update(fields)
    return record


def log_safely(
    logger: logging.Logger,
    level: int,
    message: str,
    *args: object,
    error: BaseException | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Log a record; report an exception of a handler or filter on stderr.

    Args:
        logger, level, message, args: as for `logging.Logger.log`.
        error: the exception whose traceback the record gets.
        extra: the attributes to add to the record.
    """
    try:
        if logger.isEnabledFor(level):
            fields = extra or {}
            record = make_record(logger, level, message, fields, args=args, error=error)
            logger.handle(record)
    except Exception as failure:
        complain(f"A record of {logger.name} was lost: {safe_repr(failure)}.")
