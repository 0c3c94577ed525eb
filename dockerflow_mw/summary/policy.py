"""Decides which request summaries are logged, and at which level."""

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
        self._excludes = bool(settings.exclude_paths)
        self._sample = settings.sample
        self._slow_ms = int(settings.slow_seconds * 1000)

    def is_enabled(self) -> bool:
        """Return whether the logger accepts the highest level of any summary."""
        try:
            return self._logger.isEnabledFor(self._highest_level)
        except Exception as error:
            complain(f"The summary logger raised; no summary: {safe_repr(error)}.")
            return False

    def log(self, summary: Summary, milliseconds: int) -> None:
        """Log a summary, unless the settings leave it out.

        Args:
            summary: the summary of a request that is over.
            milliseconds: the duration of the request.
        """
        failed = summary.failed
        if (summary.probe or self._excludes) and self._is_excluded(summary, failed):
            return
        level = logging.ERROR if failed else logging.INFO
        if self._levels and summary.error is None:
            level = self._configured_level(summary.code) or level
        if not self._logger.isEnabledFor(level):
            return
        fields = summary.as_fields(milliseconds)
        if self._sample < 1 and not self._is_unusual(summary, level, milliseconds):
            if _random() >= self._sample:
                return
            fields["sample_rate"] = self._sample
        message = PlainText(summary.message) if summary.message else ""
        self._logger.handle(make_record(self._logger, level, message, fields))

    def _is_unusual(self, summary: Summary, level: int, milliseconds: int) -> bool:
        slow = milliseconds >= self._slow_ms
        # A failed heartbeat has the level INFO by default.
        return slow or level >= logging.WARNING or summary.code >= 500

    def _is_excluded(self, summary: Summary, failed: bool) -> bool:
        if summary.probe:
            only_errors = self._log_probes == "failures"
            return self._log_probes == "none" or (only_errors and summary.code < 400)
        path = summary.path
        excluded = path in self._paths or path.startswith(self._prefixes)
        return excluded and not failed

    def _configured_level(self, code: int) -> int | None:
        return self._levels.get(code) or self._levels.get(code // 100)


def _random() -> float:
    # Not from `random`: if the application seeds it, the samples repeat.
    return int.from_bytes(os.urandom(6)) / 2**48
