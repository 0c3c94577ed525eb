"""Which request summaries are logged, and at which level."""

from __future__ import annotations

import logging
import os

from dockerflow_mw.logging.encoding import safe_repr
from dockerflow_mw.logging.formatter import PlainText
from dockerflow_mw.logging.handler import complain
from dockerflow_mw.logging.records import make_record
from dockerflow_mw.settings import Settings
from dockerflow_mw.summary import Summary


class SummaryPolicy:
    """Decides which summaries are logged and at which level, and logs them.

    Args:
        settings: the settings of the middleware.
        logger: the logger of the summaries.
    """

    def __init__(self, settings: Settings, logger: logging.Logger) -> None:
        self._logger = logger
        self._levels = dict(settings.summary_levels)
        self._highest_level = max(logging.ERROR, *self._levels.values(), 0)
        self._log_probes = settings.log_probes
        self._paths = frozenset(p for p in settings.exclude_paths if p[-1:] != "*")
        self._prefixes = tuple(p[:-1] for p in settings.exclude_paths if p[-1:] == "*")
        self._sample = settings.sample
        self._slow_ms = int(settings.slow_seconds * 1000)

    def is_enabled(self) -> bool:
        """Return whether the logger takes the highest level of any summary."""
        try:
            return self._logger.isEnabledFor(self._highest_level)
        except Exception as error:
            complain(f"No request summary can be logged: {safe_repr(error)}.")
            return False

    def log(self, summary: Summary, milliseconds: int) -> None:
        """Log a summary, unless the settings leave it out.

        Args:
            summary: the summary of a request that is over.
            milliseconds: the duration of the request.
        """
        failed = summary.failed
        if self._is_excluded(summary, failed):
            return
        level = self._level_of(summary, failed)
        if not self._logger.isEnabledFor(level):
            return
        rate = self._rate_of(level, failed, milliseconds)
        if rate < 1 and _random() >= rate:
            return
        fields = summary.as_fields(milliseconds)
        if rate < 1:
            fields["sample_rate"] = rate
        message = PlainText(summary.message) if summary.message else ""
        self._logger.handle(make_record(self._logger, level, message, fields))

    def _is_excluded(self, summary: Summary, failed: bool) -> bool:
        if summary.probe:
            failures = self._log_probes == "failures"
            return self._log_probes == "none" or (failures and summary.code < 400)
        if not (self._paths or self._prefixes) or failed:
            return False
        return summary.path in self._paths or summary.path.startswith(self._prefixes)

    def _level_of(self, summary: Summary, failed: bool) -> int:
        level = logging.ERROR if failed else logging.INFO
        if summary.error is not None or not self._levels:
            return level
        code, levels = summary.code, self._levels
        return levels.get(code) or levels.get(code // 100) or level

    def _rate_of(self, level: int, failed: bool, milliseconds: int) -> float:
        """Return the share of such summaries that is logged, from 0 to 1."""
        if failed or level >= logging.WARNING or milliseconds >= self._slow_ms:
            return 1.0
        return self._sample


def _random() -> float:
    # The generator of the module random is the application's, which may seed it.
    return int.from_bytes(os.urandom(6)) / 2**48
