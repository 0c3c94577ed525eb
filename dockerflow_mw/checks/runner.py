"""Runs checks side by side and answers in time, whatever they do."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
import time
import weakref
from collections.abc import Callable, Collection, Iterable

from dockerflow_mw import health
from dockerflow_mw.checks.background import background_loop
from dockerflow_mw.checks.execution import Execution
from dockerflow_mw.checks.messages import Error
from dockerflow_mw.checks.registry import Check, CheckFunction
from dockerflow_mw.checks.results import CheckResult, ChecksResults

# Load balancers commonly wait five seconds; the answer has to be there by then.
DEFAULT_TIMEOUT = 4.0
DEFAULT_DEADLINE = 4.5

# A result that came after its answer serves the next one, unless it is older.
LATE_RESULT_MAX_AGE = 60.0


class Flight:
    """One run of some checks, shared by all the probes that arrive meanwhile."""

    def __init__(
        self, executions: Iterable[Execution], timeout: float, deadline: float
    ) -> None:
        self._executions = tuple(executions)
        self._timeout = timeout
        self._ends = time.monotonic() + deadline

    def _due(self, execution: Execution) -> float:
        return min(execution.started + self._timeout, self._ends)

    def _pending(self) -> list[Execution]:
        now = time.monotonic()
        return [e for e in self._executions if not e.done and now < self._due(e)]

    @property
    def landed(self) -> bool:
        """Whether every check is done or late."""
        return not self._pending()

    def wait(self) -> None:
        """Block until the flight has landed."""
        while pending := self._pending():
            concurrent.futures.wait(
                [execution.result for execution in pending],
                timeout=max(map(self._due, pending)) - time.monotonic(),
                return_when=concurrent.futures.FIRST_COMPLETED,
            )

    async def await_(self) -> None:
        """Wait until the flight has landed, as `wait` does."""
        while pending := self._pending():
            await asyncio.wait(
                [asyncio.wrap_future(execution.result) for execution in pending],
                timeout=max(map(self._due, pending)) - time.monotonic(),
                return_when=asyncio.FIRST_COMPLETED,
            )

    def results(self) -> ChecksResults:
        """Give the results of what is done, and say of the rest that it is late."""
        return ChecksResults(tuple(self._result(e) for e in self._executions))

    def _result(self, execution: Execution) -> CheckResult:
        if execution.done:
            return execution.result.result()
        execution.late = True
        waited = self._due(execution) - execution.started
        text = f"timed out after {waited:.1f} s; still running"
        return CheckResult(
            execution.check.name,
            (Error(text, id=health.ERROR_CHECK_TIMED_OUT),),
            time.monotonic() - execution.started,
        )


class Runner:
    """Runs checks, each at most once at a time in a process.

    Args:
        timeout: how long a check may take before it counts as late, in seconds.
        deadline: how long an answer may take in all, in seconds.
    """

    def __init__(
        self, *, timeout: float = DEFAULT_TIMEOUT, deadline: float = DEFAULT_DEADLINE
    ) -> None:
        self._timeout = timeout
        self._deadline = deadline
        self._reset()
        _runners.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._executions: dict[str, Execution] = {}
        self._flights: dict[tuple[tuple[str, int], ...], Flight] = {}

    def run(self, checks: Iterable[Check]) -> ChecksResults:
        """Run checks and wait for them; async ones run on a loop of our own."""
        flight = self._board(tuple(checks), background_loop.get)
        flight.wait()
        return flight.results()

    async def arun(self, checks: Iterable[Check]) -> ChecksResults:
        """Run checks and wait for them; async ones run on the running loop."""
        loop = asyncio.get_running_loop()
        flight = self._board(tuple(checks), lambda: loop)
        await flight.await_()
        return flight.results()

    def _board(
        self,
        checks: tuple[Check, ...],
        loop: Callable[[], asyncio.AbstractEventLoop],
    ) -> Flight:
        passengers = tuple((check.name, id(check.function)) for check in checks)
        with self._lock:
            aloft = {k: f for k, f in self._flights.items() if not f.landed}
            if passengers not in aloft:
                executions = [self._execution(check, loop) for check in checks]
                aloft[passengers] = Flight(executions, self._timeout, self._deadline)
            self._flights = aloft
            return aloft[passengers]

    def _execution(
        self, check: Check, loop: Callable[[], asyncio.AbstractEventLoop]
    ) -> Execution:
        former = self._executions.get(check.name)
        same = former is not None and former.check.function is check.function
        if former is not None and same and _serves_again(former):
            former.late = False
            return former
        execution = self._executions[check.name] = Execution(check, loop)
        execution.start()
        return execution


def _serves_again(execution: Execution) -> bool:
    if not execution.done:
        return not execution.abandoned
    age = time.monotonic() - execution.started - execution.result.result().duration
    return execution.late and age < LATE_RESULT_MAX_AGE


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
    results = Runner().run(Check(name, function) for name, function in checks)
    return results.without(silenced_check_ids)


async def run_checks_async(
    checks: Iterable[tuple[str, CheckFunction]],
    silenced_check_ids: Collection[str] = (),
) -> ChecksResults:
    """Run pairs of a name and a check; the async twin of `run_checks`."""
    results = await Runner().arun(Check(name, function) for name, function in checks)
    return results.without(silenced_check_ids)
