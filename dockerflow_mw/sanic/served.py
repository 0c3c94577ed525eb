"""What is known of a request while it is served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from sanic.http import Stage

from dockerflow_mw.summary import Summary


class Served:
    """A request that is being served; called, as a task does that has ended, it ends.

    Args:
        record: the request's summary.
        asgi: whether it is another server's than Sanic's own.
        websocket: whether a websocket was asked for; None where those are not logged
            and one was.

    Attributes:
        error: what Sanic makes a response of.
        extra: adds what the application says of the request to the record.
        response: the response, as soon as there is one.
        stream: what Sanic sends the response with, as soon as there is one.
        task: what has to end with the request; None where a middleware further out
            sees to the record.
    """

    __slots__ = (
        "asgi",
        "error",
        "extra",
        "record",
        "response",
        "stream",
        "task",
        "websocket",
    )

    def __init__(self, record: Summary, *, asgi: bool, websocket: bool | None) -> None:
        self.asgi = asgi
        self.error: BaseException | None = None
        self.extra: Callable[[], None] | None = None
        self.record = record
        self.response: Any = None
        self.stream: Any = None
        self.task: asyncio.Task[Any] | None = None
        self.websocket = websocket

    def __call__(self, task: asyncio.Task[Any]) -> None:
        """Close the summary of a request that nobody has answered to its end."""
        record = self.record
        if self.websocket is None:
            record.forgo()
            return
        if self.websocket:
            record.code = 101
            record.mark(type="websocket")
        else:
            record.begun, record.code = self.begun, self.status
            self._fail(task)
        self.tell()
        record.close()

    def _fail(self, task: asyncio.Task[Any]) -> None:
        record = self.record
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _tell_loop(task, error)
            record.fail(error)
        elif self.asgi and not task.cancelled():
            # Sanic is not told there of clients that leave, and the server keeps to
            # itself what was raised.
            record.error = record.message = "Sanic gave no whole response."
        else:
            record.disconnected = True

    def tell(self) -> None:
        """Have the application say its part, at the first call and never again."""
        extra, self.extra = self.extra, None
        if extra is not None:
            extra()

    @property
    def begun(self) -> bool:
        """Whether some of the response was sent."""
        return self.stream is not None and self.stream.stage is not Stage.HANDLER

    @property
    def status(self) -> int:
        """The status that was sent; 0 where nothing was."""
        if not self.begun:
            return 0
        # Where a middleware replaces the response, Sanic calls no further ones.
        response = self.response or self.stream.response
        return int(response.status)


def _tell_loop(task: asyncio.Task[Any], error: BaseException) -> None:
    # Who asks for a task's exception keeps asyncio from saying that nobody has.
    message = "Task exception was never retrieved"
    context = {"message": message, "exception": error, "task": task}
    task.get_loop().call_exception_handler(context)
