"""Serves requests as a server would, step by step."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any
from wsgiref.util import setup_testing_defaults


class Exchange:
    """A WSGI request and the response so far.

    Attributes:
        started: the arguments of each call of start_response.
        written: the chunks that the application wrote.
        body: the response body, which the test reads and closes.
    """

    def __init__(self, app: Any, path: str = "/") -> None:
        self.started: list[Any] = []
        self.written: list[bytes] = []
        environ: dict[str, Any] = {"PATH_INFO": path}
        setup_testing_defaults(environ)
        self.body = app(environ, self.start_response)

    def start_response(self, *args: Any) -> Any:
        self.started.append(args)
        return self.written.append


HTTP = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "method": "GET",
    "path": "/",
    "query_string": b"",
    "headers": [(b"x-request-id", b"abc")],
}
START = {"type": "http.response.start", "status": 200, "headers": []}
END = {"type": "http.response.body", "body": b"end"}


async def page(scope: Any, receive: Any, send: Any) -> None:
    """Send a page, as an ASGI application."""
    await send(START)
    await send(END)


async def sent_by(
    application: Any, scope: MutableMapping[str, Any], *received: Any
) -> list[Any]:
    """Return the messages that an ASGI application sends.

    Args:
        application: the application.
        scope: the scope, which the application may change.
        received: the messages that the application receives.
    """
    messages, sent = iter(received), []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    return sent
