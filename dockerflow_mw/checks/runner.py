"""Runs checks side by side and answers in time, whatever they do."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import threading
import weakref
from collections.abc import Collection, Iterable

from dockerflow_mw.checks.batch import Batch
from dockerflow_mw.checks.failures import FailureCounter
from dockerflow_mw.checks.loop import background_loop
from dockerflow_mw.checks.messages import ERROR
from dockerflow_mw.checks.registry import Check, CheckFunction, is_same
from dockerflow_mw.checks.results import CheckResult, ChecksResults
from dockerflow_mw.checks.run import Around, CheckRun, GetLoop
from dockerflow_mw.settings import Settings

# A result that came after its answer serves the next ones, while the check runs
# again, unless it is older, in seconds.
LATE_RESULT_MAX_AGE = 60.0


class Runner:
    """Runs checks, each at most once at a time in a process.

    Args:
        settings: for how long checks may take and their results may serve.
        around: what each check is run inside, on its thread or in its task.
    """

    def __init__(
        self, settings: Settings, around: Around = contextlib.nullcontext
    ) -> None:
        self._settings = settings
        self._around = around
        self._reset()
        _runners.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._executions: dict[str, CheckRun] = {}
        self._batches: list[Batch] = []
        self._failure_counter = FailureCounter()

    def run(self, checks: Iterable[Check]) -> ChecksResults:
        """Run checks and wait for them; async ones run on a loop of our own."""
        batch = self._join(tuple(checks), background_loop.get)
        batch.wait()
        return self._finish(batch)

    async def arun(self, checks: Iterable[Check]) -> ChecksResults:
        """Run checks and wait for them; async ones run on the running loop."""
        loop = asyncio.get_running_loop()
        batch = self._join(tuple(checks), lambda: loop)
        await batch.await_()
        return self._finish(batch)

    def _join(self, checks: tuple[Check, ...], loop: GetLoop) -> Batch:
        begun: list[CheckRun] = []
        with self._lock:
            self._batches = [batch for batch in self._batches if not batch.done]
            for batch in self._batches:
                if batch.matches(checks):
                    return batch
            batch = Batch(
                [self._execution(check, loop, begun) for check in checks],
                self._settings.check_timeout,
                self._settings.heartbeat_deadline,
            )
            self._batches.append(batch)
        # Not under the lock: a thread that starts may let another one come in, and
        # under gevent on the very thread that would then wait for the lock.
        for execution in begun:
            execution.start()
        return batch

    def _execution(
        self, check: Check, loop: GetLoop, begun: list[CheckRun]
    ) -> CheckRun:
        former = self._executions.get(check.name)
        if former is None or former.abandoned or not is_same(former.check, check):
            return self._begin(check, loop, begun)
        previous = former.previous
        if not former.done:
            # Who is known to be slow has had the time to say something before.
            fresh = previous is not None and _age(previous) < LATE_RESULT_MAX_AGE
            return previous if previous is not None and fresh else former
        if self._is_cached(former):
            return former
        if self._came_late(former) and _age(former) < LATE_RESULT_MAX_AGE:
            former.previous = None
            self._begin(check, loop, begun, former)
            return former
        return self._begin(check, loop, begun)

    def _begin(
        self,
        check: Check,
        loop: GetLoop,
        begun: list[CheckRun],
        previous: CheckRun | None = None,
    ) -> CheckRun:
        execution = CheckRun(check, loop, previous, self._around)
        self._executions[check.name] = execution
        begun.append(execution)
        return execution

    def _is_cached(self, execution: CheckRun) -> bool:
        seconds = execution.check.cache_seconds
        if seconds is None:
            seconds = self._settings.cache_seconds
        return _age(execution) < seconds

    def _came_late(self, execution: CheckRun) -> bool:
        return execution.late or execution.result.result().duration >= self._timeout(
            execution.check
        )

    def _timeout(self, check: Check) -> float:
        timeout = check.timeout or self._settings.check_timeout
        return min(timeout, self._settings.heartbeat_deadline)

    def _finish(self, batch: Batch) -> ChecksResults:
        with self._lock:
            if batch.results is None:
                outcomes = tuple(self._judge(e, batch) for e in batch.executions)
                batch.results = ChecksResults(outcomes)
            return batch.results

    def _judge(self, execution: CheckRun, batch: Batch) -> CheckResult:
        check = execution.check
        fail_level = check.fail_level or self._settings.fail_level
        result = dataclasses.replace(
            batch.outcome(execution), critical=check.critical, fail_level=fail_level
        )
        failures = self._failure_counter.count(
            execution,
            failed=result.level >= min(fail_level, ERROR),
            timeout=self._timeout(check),
        )
        tolerated = 0 < failures < check.failures_before_error
        return dataclasses.replace(result, tolerated=tolerated)


def _age(execution: CheckRun) -> float:
    return execution.result.result().age


_runners: weakref.WeakSet[Runner] = weakref.WeakSet()


def _reset_runners() -> None:
    for runner in _runners:
        runner._reset()


# The threads of a parent are not there in its child, and its locks may be held.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_runners)


def run_checks(
    checks: Iterable[tuple[str, CheckFunction]],
    silenced_check_ids: Collection[str] = (),
) -> ChecksResults:
    """Run pairs of a name and a check, as python-dockerflow's function does."""
    runner = Runner(Settings())
    results = runner.run(Check(name, function) for name, function in checks)
    return results.without(silenced_check_ids)


async def run_checks_async(
    checks: Iterable[tuple[str, CheckFunction]],
    silenced_check_ids: Collection[str] = (),
) -> ChecksResults:
    """Run pairs of a name and a check; the async twin of `run_checks`."""
    runner = Runner(Settings())
    results = await runner.arun(Check(name, function) for name, function in checks)
    return results.without(silenced_check_ids)
