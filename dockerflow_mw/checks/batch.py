"""One run of some checks, shared by all the probes that arrive meanwhile."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import time
from collections.abc import Iterable, Sequence

from dockerflow_mw import health
from dockerflow_mw.checks.messages import Error
from dockerflow_mw.checks.registry import Check, is_same
from dockerflow_mw.checks.results import CheckResult, ChecksResults
from dockerflow_mw.checks.run import CheckRun


class Batch:
    """Executions that are waited for together, each until it is late.

    Args:
        executions: the checks under way.
        timeout: how long a check may take that does not say so itself, in seconds.
        deadline: how long the whole may take, in seconds.

    Attributes:
        results: what it came to, once somebody has judged that.
    """

    def __init__(
        self, executions: Iterable[CheckRun], timeout: float, deadline: float
    ) -> None:
        self.executions = tuple(executions)
        self.results: ChecksResults | None = None
        self._timeout = timeout
        self._ends = time.monotonic() + deadline

    def matches(self, checks: Sequence[Check]) -> bool:
        """Tell whether it is the batch of just these checks."""
        ours = [execution.check for execution in self.executions]
        return len(ours) == len(checks) and all(map(is_same, ours, checks))

    def _due(self, execution: CheckRun) -> float:
        return execution.started + self._allowed(execution)

    def _allowed(self, execution: CheckRun) -> float:
        timeout = execution.check.timeout or self._timeout
        return min(timeout, self._ends - execution.started)

    def _pending(self) -> list[CheckRun]:
        now = time.monotonic()
        return [e for e in self.executions if not e.done and now < self._due(e)]

    def _remaining(self, pending: list[CheckRun]) -> float:
        return max(map(self._due, pending)) - time.monotonic()

    @property
    def done(self) -> bool:
        """Whether every check is done or late."""
        return not self._pending()

    def wait(self) -> None:
        """Block until the batch has landed."""
        while pending := self._pending():
            concurrent.futures.wait(
                [execution.result for execution in pending],
                timeout=self._remaining(pending),
                return_when=concurrent.futures.FIRST_COMPLETED,
            )

    async def await_(self) -> None:
        """Wait until the batch has landed, as `wait` does."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            # The loop may be closed by the time that a late check is done.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(woken.set)

        for execution in self.executions:
            execution.listen(wake)
        try:
            while pending := self._pending():
                woken.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._remaining(pending)):
                        await woken.wait()
        finally:
            for execution in self.executions:
                execution.unlisten(wake)

    def outcome(self, execution: CheckRun) -> CheckResult:
        """Give the outcome of an execution, or say that it is late."""
        if execution.done:
            execution.late = False
            return execution.result.result()
        execution.late = True
        text = f"timed out after {self._allowed(execution):.1f} s; still running"
        return CheckResult(
            execution.check.name,
            (Error(text, id=health.ERROR_CHECK_TIMED_OUT),),
            time.monotonic() - execution.started,
        )
