"""One call of one check, on a thread or a loop of its own, that can be waited for."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future

from dockerflow_mw import health
from dockerflow_mw.checks.messages import CheckMessage, Error
from dockerflow_mw.checks.registry import Check
from dockerflow_mw.checks.results import CheckResult, messages_of


def _is_async(function: object) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object's own method
    )


class Execution:
    """A check under way, or done.

    A sync check runs on a daemon thread of its own, so that neither the exit of
    the interpreter nor anybody else's executor ever waits for it; an async one
    runs as a task. Both see a copy of the context of the caller of `start`.

    Args:
        check: the check to call.
        loop: gives the loop for async work; called only when there is some.
    """

    def __init__(
        self, check: Check, loop: Callable[[], asyncio.AbstractEventLoop]
    ) -> None:
        self.check = check
        self.result: Future[CheckResult] = Future()
        # From here on no waiter that gives up can cancel it for the others.
        self.result.set_running_or_notify_cancel()
        self.started = time.monotonic()
        self.late = False
        self._get_loop = loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def done(self) -> bool:
        """Whether there is a result."""
        return self.result.done()

    @property
    def abandoned(self) -> bool:
        """Whether there can be no result, because the loop it ran on is gone."""
        return not self.done and self._loop is not None and self._loop.is_closed()

    def start(self) -> None:
        """Start the check; it is called once."""
        context = contextvars.copy_context()
        try:
            if _is_async(self.check.function):
                self._start_task(context, self.check.function)
            else:
                threading.Thread(
                    target=context.run,
                    args=(self._call,),
                    name=f"dockerflow-check-{self.check.name}",
                    daemon=True,
                ).start()
        except RuntimeError as error:
            # No thread to be had, or the loop is closed already.
            self._fail(error)

    def _start_task(
        self, context: contextvars.Context, make: Callable[[], Awaitable[object]]
    ) -> None:
        loop = self._loop = self._get_loop()

        def create() -> None:
            self._task = loop.create_task(self._await(make))

        loop.call_soon_threadsafe(create, context=context)

    def _call(self) -> None:
        # The base class, because sys.exit() in a check must not lose the result.
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
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise

    def _fail(self, error: BaseException) -> None:
        text = f"The check raised {type(error).__name__}; the log has its traceback."
        self._finish((Error(text, id=health.ERROR_CHECK_RAISED),), error)

    def _finish(
        self, messages: tuple[CheckMessage, ...], error: BaseException | None = None
    ) -> None:
        duration = time.monotonic() - self.started
        self.result.set_result(CheckResult(self.check.name, messages, duration, error))
