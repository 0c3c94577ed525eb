"""Counts the consecutive failures of each check."""

from __future__ import annotations

import dataclasses
import time

from dockerflow_mw.checks.run import CheckRun


@dataclasses.dataclass(slots=True)
class _Streak:
    run: CheckRun
    earlier: int = 0
    failures: int = 0


class FailureCounter:
    """A counter of consecutive failures by run, however many probes ask.

    A late run counts once for each timeout that has passed, so that a check that
    hangs is not taken for a check that has failed once.
    """

    def __init__(self) -> None:
        self._streaks: dict[str, _Streak] = {}

    def count(self, run: CheckRun, *, failed: bool, timeout: float) -> int:
        """Record the state of a run and return the consecutive failures up to it.

        Args:
            run: a run that is done or late.
            failed: whether its result is a failure.
            timeout: how long the run is allowed to take, in seconds.
        """
        streak = self._streaks.setdefault(run.check.name, _Streak(run))
        if run.started < streak.run.started:
            return streak.failures
        if run is not streak.run:
            streak.run, streak.earlier = run, streak.failures
        timeouts = 0 if run.done else int((time.monotonic() - run.started) / timeout)
        streak.failures = streak.earlier + max(1, timeouts) if failed else 0
        return streak.failures
