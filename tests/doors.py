"""The doors of the middleware, which serve requests without a network.

A door is a way into the middleware: a bare WSGI or ASGI application, or the adapter of
a framework. The doors of the frameworks are in ``tests/<framework>/door.py``.
"""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from dockerflow_mw import DockerflowMiddleware

Page = Callable[[], bytes]


@dataclasses.dataclass(frozen=True)
class Answer:
    """The response that a client receives."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def page() -> bytes:
    """Return the body of an ordinary page."""
    return b"a page"


class BareWSGI:
    """A WSGI application without a framework.

    Args:
        page: returns the body of every page, or raises.
        options: the settings of the middleware.

    Attributes:
        application: the object that registers checks and sends the signals.
        served: the application that the server calls.
    """

    application: Any
    served: Any

    def __init__(self, page: Page = page, **options: Any) -> None:
        def app(environ: Any, start_response: Any) -> Iterable[bytes]:
            body = page()
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [body]

        self.application = self.served = DockerflowMiddleware(app, **options)

    def ask(
        self,
        path: str | bytes = "/",
        method: str = "GET",
        *,
        headers: Mapping[str, str] | None = None,
        query: bytes = b"",
        root: str = "",
        valid: bool = True,
    ) -> Answer:
        """Return the response to a request, sent as PEP 3333 demands.

        Args:
            path: the path; text is encoded as UTF-8.
            method: the HTTP method.
            headers: the headers of the request.
            query: the query string.
            root: the mount point, SCRIPT_NAME.
            valid: whether wsgiref.validate checks both sides.
        """
        raw = path if isinstance(path, bytes) else path.encode()
        environ: dict[str, Any] = {
            "PATH_INFO": raw.decode("latin-1"),
            "REQUEST_METHOD": method,
            "QUERY_STRING": query.decode("latin-1"),
            "SCRIPT_NAME": root,
            "wsgi.input": io.BytesIO(),
        }
        for name, value in (headers or {}).items():
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_LENGTH" else f"HTTP_{key}"] = value
        setup_testing_defaults(environ)
        started: list[Any] = []

        def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
            started[:] = [status, headers]
            return lambda data: None

        server: Any = validator(self.served) if valid else self.served
        body = server(environ, start_response)
        try:
            content = b"".join(body)
        finally:
            getattr(body, "close", tuple)()
        status, sent = started
        return Answer(int(status[:3]), {k.lower(): v for k, v in sent}, content)


class BareASGI:
    """An ASGI application without a framework; see `BareWSGI`."""

    application: Any
    served: Any

    def __init__(self, page: Page = page, **options: Any) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            body = page()
            headers = [(b"content-type", b"text/plain")]
            start = {"type": "http.response.start", "status": 200, "headers": headers}
            await send(start)
            await send({"type": "http.response.body", "body": body})

        self.application = self.served = DockerflowMiddleware(app, **options)

    def ask(
        self,
        path: str | bytes = "/",
        method: str = "GET",
        *,
        headers: Mapping[str, str] | None = None,
        query: bytes = b"",
        root: str = "",
        valid: bool = True,
    ) -> Answer:
        """Return the response to a request, sent as ASGI 3 demands.

        The arguments are those of `BareWSGI.ask`; no validator runs.
        """
        raw = path if isinstance(path, bytes) else path.encode()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": root + raw.decode("utf-8", "replace"),
            "raw_path": root.encode() + raw,
            "root_path": root,
            "query_string": query,
            "headers": [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in (headers or {}).items()
            ],
        }
        # A context variable that the test set could hide a leak of the application.
        return contextvars.Context().run(asyncio.run, self._ask(scope))

    async def _ask(self, scope: dict[str, Any]) -> Answer:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b""}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.served(scope, receive, send)
        start, *bodies = sent
        headers = {k.decode(): v.decode("latin-1") for k, v in start["headers"]}
        body = b"".join(message["body"] for message in bodies)
        return Answer(start["status"], headers, body)


Door = BareWSGI | BareASGI
DOORS = (BareWSGI, BareASGI)
