"""Which request summaries are logged, and at which level."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from dockerflow_mw.logging.formatter import PlainText
from dockerflow_mw.logging.record import RecordMaker
from dockerflow_mw.settings import Settings

if TYPE_CHECKING:
    from dockerflow_mw.summary import Summary


class SummaryPolicy:
    """What is logged of which requests, and at which level.

    Args:
        settings: the middleware's settings.
        logger: what it is logged with; None logs nothing.

    Attributes:
        highest_level: the highest level of all that summaries can have.
        logger: what they are logged with, if they are.
    """

    def __init__(self, settings: Settings, logger: logging.Logger | None) -> None:
        self.logger = logger
        self._records = RecordMaker(logger.name if logger else "")
        self._levels = dict(settings.summary_levels)
        self.highest_level = max(logging.ERROR, *self._levels.values(), 0)
        self._log_probes = settings.log_probes
        self._paths = frozenset(p for p in settings.exclude_paths if p[-1:] != "*")
        self._prefixes = tuple(p[:-1] for p in settings.exclude_paths if p[-1:] == "*")
        self._sample = settings.sample
        self._slow = int(settings.slow_seconds * 1000)
        # Whether all requests that went well are logged alike.
        chooses = self._levels or settings.exclude_paths or self._sample < 1
        self._takes_all = not chooses

    def log(self, summary: Summary, milliseconds: int) -> None:
        """Log a summary, if it is of those that are logged.

        Args:
            summary: what came of the request.
            milliseconds: how long it took.
        """
        logger, level, rate = self.logger, logging.INFO, None
        went_well = summary.code < 500 and summary.error is None
        if not (went_well and self._takes_all) or summary.probe:
            if self._is_left_out(summary):
                return
            level = self._level_of(summary)
            rate = self._rate_of(summary, level, milliseconds)
        if logger is None or not logger.isEnabledFor(level):
            return
        if rate is not None and _chance() >= rate:
            return
        fields = summary.as_fields(milliseconds)
        if rate is not None:
            fields["sample_rate"] = rate
        message = PlainText(summary.message) if summary.message else ""
        may_have_nulls = summary.fields is not None
        logger.handle(self._records.make(level, message, fields, may_have_nulls))

    def _is_left_out(self, summary: Summary) -> bool:
        if summary.probe:
            failures = self._log_probes == "failures"
            return self._log_probes == "none" or (failures and summary.code < 400)
        path = summary.path
        excluded = path in self._paths or path.startswith(self._prefixes)
        return excluded and not summary.failed

    def _level_of(self, summary: Summary) -> int:
        level = logging.ERROR if summary.failed else logging.INFO
        if summary.error is not None:
            return level
        code, levels = summary.code, self._levels
        return levels.get(code) or levels.get(code // 100) or level

    def _rate_of(self, summary: Summary, level: int, milliseconds: int) -> float | None:
        """Give the part of such summaries that is logged; None for all of them."""
        unusual = level >= logging.WARNING or summary.failed
        if self._sample >= 1 or unusual or milliseconds >= self._slow:
            return None
        return self._sample


def _chance() -> float:
    # Not the application's generator, which it may have seeded.
    return int.from_bytes(os.urandom(6)) / 2**48
