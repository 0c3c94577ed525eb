"""Runs checks side by side and returns in time, even if a check hangs."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
from collections.abc import Iterable

from dockerflow_mw.checks.batch import Batch
from dockerflow_mw.checks.failures import FailureCounter
from dockerflow_mw.checks.loop import background_loop
from dockerflow_mw.checks.messages import ERROR
from dockerflow_mw.checks.process import PerProcess
from dockerflow_mw.checks.registry import Check, is_same
from dockerflow_mw.checks.results import CheckResult, ChecksResults
from dockerflow_mw.checks.run import Around, CheckRun, GetLoop
from dockerflow_mw.settings import Settings

# A result that came late answers the next probes up to this age, in seconds.
LATE_RESULT_MAX_AGE = 60.0


class _State:
    """The runs of one process, and the lock that guards them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.latest_runs: dict[str, CheckRun] = {}
        self.batches: list[Batch] = []
        self.failures = FailureCounter()


class Runner:
    """A runner that never runs two copies of a check at the same time.

    Probes that ask for the same checks at the same time share one batch of runs.

    Args:
        settings: timeouts, the deadline, caching and the level of failure.
        around: returns a context manager that each check runs in.
    """

    def __init__(
        self, settings: Settings, around: Around = contextlib.nullcontext
    ) -> None:
        self._settings = settings
        self._around = around
        self._states = PerProcess(_State)

    def run(self, checks: Iterable[Check]) -> ChecksResults:
        """Run checks and return their results; async checks run on a private loop."""
        batch = self._join(tuple(checks), background_loop)
        batch.wait()
        return self._finish(batch)

    async def arun(self, checks: Iterable[Check]) -> ChecksResults:
        """Run checks and return their results; async checks run on the current loop."""
        loop = asyncio.get_running_loop()
        batch = self._join(tuple(checks), lambda: loop)
        await batch.wait_async()
        return self._finish(batch)

    def _join(self, checks: tuple[Check, ...], get_loop: GetLoop) -> Batch:
        """Return the running batch of these checks, or start one."""
        state = self._states.get()
        started: list[CheckRun] = []
        with state.lock:
            state.batches = [batch for batch in state.batches if not batch.done]
            for batch in state.batches:
                if batch.matches(checks):
                    return batch
            runs = []
            for check in checks:
                latest = state.latest_runs.get(check.name)
                run = self._current_run(check, latest, get_loop)
                if run is not latest:
                    state.latest_runs[check.name] = run
                    started.append(run)
                runs.append(_answering_run(run))
            timeout = self._settings.check_timeout
            batch = Batch(runs, timeout, self._settings.heartbeat_deadline)
            state.batches.append(batch)
        # Outside of the lock: under gevent, starting a thread may switch to another
        # greenlet of this thread, which would wait for the lock forever.
        for run in started:
            run.start()
        return batch

    def _current_run(
        self, check: Check, latest: CheckRun | None, get_loop: GetLoop
    ) -> CheckRun:
        """Return the latest run if it is running or cached, else a new one."""
        if latest is None or latest.abandoned or not is_same(latest.check, check):
            return CheckRun(check, get_loop, around=self._around)
        if not latest.done or self._is_cached(latest):
            return latest
        came_late = latest.result.duration >= self._timeout(check)
        previous = latest if came_late else None
        return CheckRun(check, get_loop, previous, self._around)

    def _is_cached(self, run: CheckRun) -> bool:
        seconds = run.check.cache_seconds
        if seconds is None:
            seconds = self._settings.cache_seconds
        return run.result.age < seconds

    def _timeout(self, check: Check) -> float:
        timeout = check.timeout or self._settings.check_timeout
        return min(timeout, self._settings.heartbeat_deadline)

    def _finish(self, batch: Batch) -> ChecksResults:
        """Return the results of a batch. All of its probes get the same results."""
        state = self._states.get()
        with state.lock:
            if batch.results is None:
                batch.results = ChecksResults(
                    tuple(self._judge(batch, run, state.failures) for run in batch.runs)
                )
            return batch.results

    def _judge(
        self, batch: Batch, run: CheckRun, counter: FailureCounter
    ) -> CheckResult:
        """Return the result of a run with its check's options and earlier failures."""
        check, result = run.check, batch.result_of(run)
        fail_level = check.fail_level or self._settings.fail_level
        failed = result.level >= min(fail_level, ERROR)
        failures = counter.count(run, failed=failed, timeout=self._timeout(check))
        return dataclasses.replace(
            result,
            critical=check.critical,
            fail_level=fail_level,
            tolerated=0 < failures < check.failures_before_error,
        )


def _answering_run(run: CheckRun) -> CheckRun:
    """Return the run to wait for. If the previous run was late, its result is used."""
    previous = run.previous
    if run.done or previous is None or previous.result.age >= LATE_RESULT_MAX_AGE:
        return run
    return previous
