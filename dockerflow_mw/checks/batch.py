"""Runs of checks that are waited for together."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from dockerflow_mw import health
from dockerflow_mw.checks.messages import Error
from dockerflow_mw.checks.registry import Check, is_same
from dockerflow_mw.checks.results import CheckResult, ChecksResults
from dockerflow_mw.checks.run import CheckRun


class Batch:
    """Runs of checks that all probes of a moment wait for together.

    Args:
        runs: the runs, one for each check.
        timeout: how long a check without a timeout of its own may take, in seconds.
        deadline: how long the whole batch may take, in seconds.

    Attributes:
        runs: the runs, in the order of the checks.
        results: the results, once one of the waiting probes has judged them.
    """

    def __init__(
        self, runs: Iterable[CheckRun], timeout: float, deadline: float
    ) -> None:
        self.runs = tuple(runs)
        self.results: ChecksResults | None = None
        ends = time.monotonic() + deadline
        self._timeouts = {
            run: min(run.check.timeout or timeout, ends - run.started)
            for run in self.runs
        }

    def matches(self, checks: Sequence[Check]) -> bool:
        """Return whether the batch consists of exactly these checks."""
        own = [run.check for run in self.runs]
        return len(own) == len(checks) and all(map(is_same, own, checks))

    @property
    def done(self) -> bool:
        """True if each check is done or late."""
        return not self._pending()

    def wait(self) -> None:
        """Wait until each check is done or late."""
        changed = threading.Event()
        with self._notifying(changed.set):
            while pending := self._pending():
                changed.wait(self._remaining(pending))
                changed.clear()

    async def wait_async(self) -> None:
        """Wait until each check is done or late; the async twin of `wait`."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            # A late check may finish when the loop of its probe is closed.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(changed.set)

        with self._notifying(wake):
            while pending := self._pending():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._remaining(pending)):
                        await changed.wait()
                changed.clear()

    @contextlib.contextmanager
    def _notifying(self, callback: Callable[[], None]) -> Iterator[None]:
        for run in self.runs:
            run.callbacks.add(callback)
        try:
            yield
        finally:
            for run in self.runs:
                run.callbacks.discard(callback)

    def result_of(self, run: CheckRun) -> CheckResult:
        """Return the result of a run, or a result that says that it is late."""
        if run.done:
            return run.result
        text = f"timed out after {self._timeouts[run]:.1f} s; still running"
        message = Error(text, id=health.ERROR_CHECK_TIMED_OUT)
        return CheckResult(run.check.name, (message,), time.monotonic() - run.started)

    def _pending(self) -> list[CheckRun]:
        now = time.monotonic()
        return [run for run in self.runs if not run.done and now < self._due(run)]

    def _remaining(self, pending: list[CheckRun]) -> float:
        return max(map(self._due, pending)) - time.monotonic()

    def _due(self, run: CheckRun) -> float:
        return run.started + self._timeouts[run]
