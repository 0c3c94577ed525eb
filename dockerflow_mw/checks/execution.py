"""One call of one check, on a thread or a loop of its own, that can be waited for."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import os
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future

from dockerflow_mw import health
from dockerflow_mw.checks.messages import CheckMessage, Error
from dockerflow_mw.checks.registry import Check, unwrap
from dockerflow_mw.checks.results import CheckResult, messages_of

# There is at most one thread for each check, but applications that are made again
# and again, as in tests, register ever new ones.
MAX_THREADS = 256

_threads = threading.BoundedSemaphore(MAX_THREADS)


def _reset_threads() -> None:
    # A child has none of its parent's threads.
    global _threads
    _threads = threading.BoundedSemaphore(MAX_THREADS)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_threads)

GetLoop = Callable[[], asyncio.AbstractEventLoop]


def _is_async(function: Callable[..., object]) -> bool:
    code = unwrap(function)
    call = getattr(code, "__call__", None)  # noqa: B004 - an object's own method
    return inspect.iscoroutinefunction(code) or inspect.iscoroutinefunction(call)


class Execution:
    """A check under way, or done.

    A sync check runs on a daemon thread of its own, so that neither the exit of
    the interpreter nor anybody else's executor ever waits for it; an async one
    runs as a task. Both see a copy of the context of the caller of `start`.

    Args:
        check: the check to call.
        loop: gives the loop for async work; called only when there is some.

    Attributes:
        result: the outcome, to wait for.
        late: whether an answer had to do without the outcome.
        counted: whether the outcome was counted among the check's failures.
    """

    def __init__(self, check: Check, loop: GetLoop) -> None:
        self.check = check
        self.result: Future[CheckResult] = Future()
        # From here on no waiter that gives up can cancel it for the others.
        self.result.set_running_or_notify_cancel()
        self.started = time.monotonic()
        self.late = False
        self.counted = False
        self._get_loop = loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def done(self) -> bool:
        """Whether there is an outcome."""
        return self.result.done()

    @property
    def abandoned(self) -> bool:
        """Whether there can be no outcome, because the loop it ran on is gone."""
        return not self.done and self._loop is not None and self._loop.is_closed()

    def start(self) -> None:
        """Start the check; it is called once."""
        context = contextvars.copy_context()
        try:
            if _is_async(self.check.function):
                self._start_task(context, self.check.function)
            else:
                self._start_thread(context)
        except RuntimeError as error:
            # No thread to be had, or the loop is closed already.
            self._fail(error)

    def _start_thread(self, context: contextvars.Context) -> None:
        slots = _threads
        if not slots.acquire(blocking=False):
            raise RuntimeError(f"{MAX_THREADS} checks are still running")

        def call() -> None:
            try:
                context.run(self._call)
            finally:
                slots.release()

        name = f"dockerflow-check-{self.check.name}"
        threading.Thread(target=call, name=name, daemon=True).start()

    def _start_task(
        self, context: contextvars.Context, make: Callable[[], Awaitable[object]]
    ) -> None:
        loop = self._loop = self._get_loop()

        def create() -> None:
            self._task = loop.create_task(self._await(make))

        loop.call_soon_threadsafe(create, context=context)

    def _call(self) -> None:
        # The base class, because sys.exit() in a check must not lose the outcome.
        try:
            value = self.check.function()
            if inspect.isawaitable(value):
                self._start_task(contextvars.copy_context(), lambda: value)
            else:
                self._finish(messages_of(value))
        except BaseException as error:
            self._fail(error)

    async def _await(self, make: Callable[[], Awaitable[object]]) -> None:
        try:
            self._finish(messages_of(await make()))
        except BaseException as error:
            self._fail(error)
            # The loop is shutting down or gone; the rest would be its end as well.
            if isinstance(error, (asyncio.CancelledError, GeneratorExit)):
                raise

    def _fail(self, error: BaseException) -> None:
        text = f"The check raised {type(error).__name__}; the log has its traceback."
        self._finish((Error(text, id=health.ERROR_CHECK_RAISED),), error)

    def _finish(
        self, messages: tuple[CheckMessage, ...], error: BaseException | None = None
    ) -> None:
        duration = time.monotonic() - self.started
        self.result.set_result(
            CheckResult(self.check.name, messages, duration, error=error)
        )
