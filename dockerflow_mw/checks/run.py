"""One call of one check, on a thread or a loop of its own, that can be waited for."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import os
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TypeAlias

from dockerflow_mw import health
from dockerflow_mw.checks.messages import CheckMessage, Error
from dockerflow_mw.checks.registry import Check, unwrap
from dockerflow_mw.checks.results import CheckResult, InvalidResultError, messages_of

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

GetLoop: TypeAlias = Callable[[], asyncio.AbstractEventLoop]
Around: TypeAlias = Callable[[], contextlib.AbstractContextManager[object]]


def _is_async(function: Callable[..., object]) -> bool:
    code = unwrap(function)
    call = getattr(code, "__call__", None)  # noqa: B004 - an object's own method
    return inspect.iscoroutinefunction(code) or inspect.iscoroutinefunction(call)


class CheckRun:
    """A check under way, or done.

    A sync check runs on a daemon thread of its own, so that neither the exit of
    the interpreter nor anybody else's executor ever waits for it; an async one
    runs as a task. Both see a copy of the context of the caller of `start`.

    Args:
        check: the check to call.
        loop: gives the loop for async work; called only when there is some.
        previous: the run before this one, whose outcome came late.
        around: what the check is run inside, on its thread or in its task.

    Attributes:
        result: the outcome, to wait for.
        late: whether an answer had to do without the outcome.
    """

    def __init__(
        self,
        check: Check,
        loop: GetLoop,
        previous: CheckRun | None = None,
        around: Around = contextlib.nullcontext,
    ) -> None:
        self.check = check
        self.previous = previous
        self.result: Future[CheckResult] = Future()
        # From here on no waiter that gives up can cancel it for the others.
        self.result.set_running_or_notify_cancel()
        self.started = time.monotonic()
        self.late = False
        self._around = around
        self._get_loop = loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False
        self._listeners: set[Callable[[], None]] = set()

    @property
    def done(self) -> bool:
        """Whether there is an outcome."""
        return self.result.done()

    @property
    def abandoned(self) -> bool:
        """Whether the check was left alone, because the loop it ran on has stopped."""
        if self.done:
            return self._cancelled
        return self._loop is not None and not self._loop.is_running()

    def listen(self, listener: Callable[[], None]) -> None:
        """Have a function called, from any thread, when there is an outcome."""
        self._listeners.add(listener)
        if self.done:
            listener()

    def unlisten(self, listener: Callable[[], None]) -> None:
        """Have a function not called any more."""
        self._listeners.discard(listener)

    def start(self) -> None:
        """Start the check; it is called once."""
        context = contextvars.copy_context()
        try:
            if _is_async(self.check.function):
                self._start_task(context, self.check.function)
            else:
                self._start_thread(context)
        except Exception as error:
            # No thread to be had, the loop is closed, or an object that is hostile.
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
        try:
            threading.Thread(target=call, name=name, daemon=True).start()
        except RuntimeError:
            slots.release()
            raise

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
            with self._around():
                value = self.check.function()
                if not inspect.isawaitable(value):
                    messages = messages_of(value)
            if inspect.isawaitable(value):
                self._start_task(contextvars.copy_context(), lambda: value)
            else:
                self._finish(messages)
        except BaseException as error:
            self._fail(error)

    async def _await(self, make: Callable[[], Awaitable[object]]) -> None:
        try:
            with self._around():
                messages = messages_of(await make())
            self._finish(messages)
        except BaseException as error:
            task = asyncio.current_task() if self._is_on_its_loop() else None
            self._cancelled = task is None or task.cancelling() > 0
            self._fail(error)
            if isinstance(error, asyncio.CancelledError):
                raise
        finally:
            # It has the context, and with it the request that started it.
            self._task = None

    def _is_on_its_loop(self) -> bool:
        return asyncio._get_running_loop() is self._loop

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, InvalidResultError):
            message = Error(str(error), id=health.ERROR_CHECK_INVALID_RESULT)
        else:
            text = f"The check raised {_kind(error)}; the log has its traceback."
            message = Error(text, id=health.ERROR_CHECK_RAISED)
        # What the check had at hand shall not live as long as what it said.
        traceback.clear_frames(error.__traceback__)
        self._finish((message,), error)

    def _finish(
        self, messages: tuple[CheckMessage, ...], error: BaseException | None = None
    ) -> None:
        duration = time.monotonic() - self.started
        self.result.set_result(
            CheckResult(self.check.name, messages, duration, error=error)
        )
        for listener in list(self._listeners):
            listener()


def _kind(error: BaseException) -> str:
    try:
        return str(type(error).__name__)
    except Exception:
        return "an exception without a name"
