"""Counts how many times in a row each check has failed."""

from __future__ import annotations

import time

from dockerflow_mw.checks.run import CheckRun


class _Row:
    __slots__ = ("before", "execution", "failures")

    def __init__(self) -> None:
        self.execution: CheckRun | None = None
        self.before = 0
        self.failures = 0


class FailureCounter:
    """The failures of each check in a row, run by run, whoever asks how often.

    A run that is late counts once for every time that it was allowed to take, so that
    a check that hangs does not count as one that has failed once.
    """

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}

    def count(self, execution: CheckRun, *, failed: bool, timeout: float) -> int:
        """Take the state of a run in, and give the failures in a row.

        Args:
            execution: the run, done or late.
            failed: whether it counts as a failure.
            timeout: how long it was allowed to take, in seconds.
        """
        row = self._rows.setdefault(execution.check.name, _Row())
        latest = row.execution
        if latest is not None and execution.started < latest.started:
            return row.failures
        if execution is not latest:
            row.execution, row.before = execution, row.failures
        if not failed:
            row.failures = 0
        else:
            row.failures = row.before + _times(execution, timeout)
        return row.failures


def _times(execution: CheckRun, timeout: float) -> int:
    if execution.done:
        return 1
    return max(1, int((time.monotonic() - execution.started) / timeout))
