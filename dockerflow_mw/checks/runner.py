"""Runs checks side by side and answers in time, whatever they do."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import threading
import weakref
from collections.abc import Collection, Iterable

from dockerflow_mw.checks.background import background_loop
from dockerflow_mw.checks.execution import Execution, GetLoop
from dockerflow_mw.checks.flight import Flight
from dockerflow_mw.checks.messages import ERROR
from dockerflow_mw.checks.registry import Check, CheckFunction
from dockerflow_mw.checks.results import CheckResult, ChecksResults
from dockerflow_mw.settings import Settings

# A result that came after its answer serves the next one, unless it is older, in
# seconds.
LATE_RESULT_MAX_AGE = 60.0


class Runner:
    """Runs checks, each at most once at a time in a process.

    Args:
        settings: for how long checks may take and their results may serve.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reset()
        _runners.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._executions: dict[str, Execution] = {}
        self._failures: dict[str, int] = {}
        self._flights: dict[tuple[tuple[str, int], ...], Flight] = {}

    def run(self, checks: Iterable[Check]) -> ChecksResults:
        """Run checks and wait for them; async ones run on a loop of our own."""
        flight = self._board(tuple(checks), background_loop.get)
        flight.wait()
        return self._land(flight)

    async def arun(self, checks: Iterable[Check]) -> ChecksResults:
        """Run checks and wait for them; async ones run on the running loop."""
        loop = asyncio.get_running_loop()
        flight = self._board(tuple(checks), lambda: loop)
        await flight.await_()
        return self._land(flight)

    def _board(self, checks: tuple[Check, ...], loop: GetLoop) -> Flight:
        passengers = tuple((check.name, id(check.function)) for check in checks)
        with self._lock:
            aloft = {k: f for k, f in self._flights.items() if not f.landed}
            if passengers not in aloft:
                aloft[passengers] = Flight(
                    [self._execution(check, loop) for check in checks],
                    self._settings.check_timeout,
                    self._settings.heartbeat_deadline,
                )
            self._flights = aloft
            return aloft[passengers]

    def _execution(self, check: Check, loop: GetLoop) -> Execution:
        former = self._executions.get(check.name)
        same = former is not None and former.check.function is check.function
        if former is not None and same and self._serves_again(former):
            former.late = False
            return former
        execution = self._executions[check.name] = Execution(check, loop)
        execution.start()
        return execution

    def _serves_again(self, execution: Execution) -> bool:
        if not execution.done:
            return not execution.abandoned
        max_age = execution.check.cache_seconds
        if max_age is None:
            max_age = self._settings.cache_seconds
        if execution.late:
            max_age = max(max_age, LATE_RESULT_MAX_AGE)
        return execution.result.result().age < max_age

    def _land(self, flight: Flight) -> ChecksResults:
        with self._lock:
            if flight.results is None:
                outcomes = tuple(self._judge(e, flight) for e in flight.executions)
                flight.results = ChecksResults(outcomes)
            return flight.results

    def _judge(self, execution: Execution, flight: Flight) -> CheckResult:
        check = execution.check
        fail_level = check.fail_level or self._settings.fail_level
        result = dataclasses.replace(
            flight.outcome(execution), critical=check.critical, fail_level=fail_level
        )
        if not execution.counted:
            failed = result.level >= min(fail_level, ERROR)
            self._failures[check.name] = failed * (
                self._failures.get(check.name, 0) + 1
            )
            execution.counted = execution.done
        failures = self._failures[check.name]
        tolerated = 0 < failures < check.failures_before_error
        return dataclasses.replace(result, tolerated=tolerated)


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
