"""One call of one check, in a thread or as a task."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from dockerflow_mw import health
from dockerflow_mw.checks.messages import CheckMessage, Error
from dockerflow_mw.checks.process import PerProcess
from dockerflow_mw.checks.registry import Check
from dockerflow_mw.checks.results import CheckResult, InvalidResultError, messages_of

# Each check uses one thread at most. The limit is for tests that create application
# after application, each with checks that hang.
MAX_THREADS = 256

_threads = PerProcess(lambda: threading.BoundedSemaphore(MAX_THREADS))

GetLoop: TypeAlias = Callable[[], asyncio.AbstractEventLoop]
Around: TypeAlias = Callable[[], contextlib.AbstractContextManager[object]]


class CheckRun:
    """A running or finished check.

    A sync check runs in a daemon thread of its own: neither the exit of the
    interpreter nor an executor of the application waits for it. An async check runs
    as a task. Both get a copy of the context in which `start` is called.

    Args:
        check: the check to call.
        get_loop: returns the event loop for async work; called only if there is some.
        previous: the previous run of the check, if its result came late.
        around: returns a context manager that is entered in the thread or the task.

    Attributes:
        done: whether there is a result.
        result: the result of a run that is done.
        started: the start of the run, by `time.monotonic`.
        callbacks: functions that are called, in any thread, once there is a result.
    """

    def __init__(
        self,
        check: Check,
        get_loop: GetLoop,
        previous: CheckRun | None = None,
        around: Around = contextlib.nullcontext,
    ) -> None:
        self.check = check
        self.previous = previous
        self.done = False
        self.result: CheckResult
        self.started = time.monotonic()
        # A concurrent.futures.Future cannot remove callbacks, so each probe of a hung
        # check would leave one.
        self.callbacks: set[Callable[[], None]] = set()
        self._around = around
        self._get_loop = get_loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False

    @property
    def abandoned(self) -> bool:
        """True if the check was cancelled, or its loop stopped before its end."""
        if self.done:
            return self._cancelled
        return self._loop is not None and not self._loop.is_running()

    def start(self) -> None:
        """Start the check; if that fails, the error is the result. Call it once."""
        context = contextvars.copy_context()
        try:
            if inspect.iscoroutinefunction(self.check.function):
                self._start_task(context, self.check.function)
            else:
                self._start_thread(context)
        except Exception as error:
            self._fail(error)

    def _start_thread(self, context: contextvars.Context) -> None:
        slots = _threads.get()
        if not slots.acquire(blocking=False):
            raise RuntimeError(f"{MAX_THREADS} checks are still running.")

        def call() -> None:
            try:
                context.run(self._call)
            finally:
                slots.release()

        name = f"dockerflow-check-{self.check.name}"
        try:
            threading.Thread(target=call, name=name, daemon=True).start()
        except RuntimeError:
            slots.release()
            raise

    def _start_task(
        self, context: contextvars.Context, function: Callable[[], Awaitable[object]]
    ) -> None:
        loop = self._loop = self._get_loop()

        def create() -> None:
            self._task = loop.create_task(self._await(function))

        loop.call_soon_threadsafe(create, context=context)

    def _call(self) -> None:
        try:
            with self._around():
                value = self.check.function()
                is_async = inspect.isawaitable(value)
                messages = () if is_async else messages_of(value)
            if is_async:
                self._start_task(contextvars.copy_context(), lambda: value)
            else:
                self._finish(messages)
        except BaseException as error:
            # Not only Exception: a check that calls sys.exit() has a result, too.
            self._fail(error)

    async def _await(self, function: Callable[[], Awaitable[object]]) -> None:
        try:
            with self._around():
                messages = messages_of(await function())
            self._finish(messages)
        except BaseException as error:
            self._cancelled = self._is_cancellation(error)
            self._fail(error)
            if isinstance(error, asyncio.CancelledError):
                raise
        finally:
            # The task refers to the context, and so to the request of the first probe.
            self._task = None

    def _is_cancellation(self, error: BaseException) -> bool:
        # If the loop of a task is gone, Python closes the coroutine: GeneratorExit.
        if isinstance(error, GeneratorExit):
            return self._loop is not None and not self._loop.is_running()
        return self._task is not None and self._task.cancelling() > 0

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, InvalidResultError):
            message = Error(str(error), id=health.ERROR_CHECK_INVALID_RESULT)
        else:
            kind = type(error).__name__
            text = f"The check raised {kind}; the log has its traceback."
            message = Error(text, id=health.ERROR_CHECK_RAISED)
        # The traceback would keep the local variables of the check alive.
        traceback.clear_frames(error.__traceback__)
        self._finish((message,), error)

    def _finish(
        self, messages: tuple[CheckMessage, ...], error: BaseException | None = None
    ) -> None:
        # Without this, the runs of a slow check form a chain that grows forever.
        self.previous = None
        duration = time.monotonic() - self.started
        self.result = CheckResult(self.check.name, messages, duration, error=error)
        self.done = True
        for callback in list(self.callbacks):
            callback()
