"""The ASGI side of the middleware (ASGI 3, HTTP and websocket specification 2.5)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

from dockerflow_mw.endpoints.http import Endpoint, Request, Response
from dockerflow_mw.protocols.asgi_events import (
    echo_handshake,
    fail,
    mark_open,
    observe,
    observe_websocket,
    watch,
)
from dockerflow_mw.settings import Settings, SettingsError
from dockerflow_mw.summary import Summary, leave
from dockerflow_mw.summary import logger as summary_logger
from dockerflow_mw.summary.log import RequestLog

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


SCOPE_KEY = "dockerflow_mw.summary"


def _header_key(header_name: str) -> bytes:
    return header_name.lower().encode("latin-1")


class ASGIMiddleware:
    """An ASGI application in front of another one.

    Args:
        app: the application that has every path and scope that is not ours.
        settings: the middleware's settings.
        endpoints: what answers our own paths.
        announce: called when the application is up, or before the first request.
        logger: what the summaries are logged with; None leaves them to a door of
            ours further in.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        endpoints: Mapping[str, Endpoint],
        announce: Callable[[], str | None],
        logger: logging.Logger | None = summary_logger,
    ) -> None:
        self._app = app
        self._endpoints = endpoints
        self._announce: Callable[[], str | None] | None = announce
        self._log = RequestLog(settings, _header_key, logger)
        echo = settings.response_header_name
        self._echo = None if echo is None else echo.lower().encode("latin-1")
        self._answers_at_once = echo is None and settings.log_probes != "all"
        self._log_websockets = settings.summary_log_websockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope; those that are neither HTTP nor websockets pass by."""
        if scope["type"] != "http":
            await self._serve_other(scope, receive, send)
            return
        endpoint = self._endpoints.get(scope["path"])
        if endpoint is None and scope.get("root_path"):
            endpoint = self._find_mounted(scope)
        if endpoint is not None and self._answers_at_once:
            # Nobody would see a record of it, and nothing runs that needs an id.
            reply = endpoint.at_once.get(scope["method"])
            if reply is not None and SCOPE_KEY not in scope:
                # As in _carry, without another coroutine.
                await send(_start(reply))
                await send({"type": "http.response.body", "body": reply.body})
                return
        if self._announce is not None and not (endpoint and endpoint.quiet):
            self._announce_once()
        outer = scope.get(SCOPE_KEY)
        if outer is not None and not outer.closed:
            # Another middleware of ours, further out, sees to the record.
            outer.adopt(self._log.policy, endpoint is not None)
            await self._respond(endpoint, scope, receive, send)
            return
        record = self._open(scope, scope["method"], endpoint is not None)
        if record.wanted or self._echo is not None:
            receive, send = observe(record, receive, send, self._echo)
        try:
            # As in _respond, without another coroutine around each page.
            if endpoint is None:
                await self._app(scope, receive, send)
            else:
                await _carry(await endpoint.aanswer(request_of(scope)), send)
            if record.begun and not record.closed:
                mark_open(record)
        except BaseException as error:
            fail(record, error, receive)
            raise
        finally:
            try:
                record.close()
            finally:
                leave(record)

    async def _serve_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "websocket":
            await self._serve_websocket(scope, receive, send)
        elif kind == "lifespan":
            await self._serve_lifespan(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _respond(
        self, endpoint: Endpoint | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if endpoint is None:
            await self._app(scope, receive, send)
        else:
            await _carry(await endpoint.aanswer(request_of(scope)), send)

    async def _serve_websocket(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if SCOPE_KEY in scope and not scope[SCOPE_KEY].closed:
            scope[SCOPE_KEY].adopt(self._log.policy, False)
            await self._app(scope, receive, send)
            return
        # The handshake is a GET, RFC 6455, section 4.1.
        record = self._open(scope, "GET")
        if self._log_websockets:
            record.mark(type="websocket")
            receive, send = watch(record, receive), observe_websocket(record, send)
        if self._echo is not None:
            send = echo_handshake(self._echo, record.rid, send)
        try:
            await self._app(scope, receive, send)
        except BaseException as error:
            fail(record, error, receive)
            raise
        finally:
            try:
                if self._log_websockets:
                    record.close()
            finally:
                leave(record)

    async def _serve_lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def observed(message: Message) -> None:
            mistake = None
            if message["type"] == "lifespan.startup.complete":
                mistake = self._announce_once()
            if mistake is not None:
                await send({"type": "lifespan.startup.failed", "message": mistake})
                raise SettingsError(mistake)
            await send(message)

        await self._app(scope, receive, observed)

    def _announce_once(self) -> str | None:
        announce, self._announce = self._announce, None
        return None if announce is None else announce()

    def _find_mounted(self, scope: Scope) -> Endpoint | None:
        # Servers differ in whether the path still holds the mount point.
        path, root = scope["path"], scope["root_path"].rstrip("/")
        if root and path.startswith(root):
            return self._endpoints.get(path[len(root) :])
        return None

    def _open(self, scope: Scope, method: str, probe: bool = False) -> Summary:
        pairs = scope["headers"]
        if not isinstance(pairs, (list, tuple)):
            # Any iterable will do, and one that can be read once is the application's.
            pairs = scope["headers"] = list(pairs)
        headers = dict(pairs)
        record = scope[SCOPE_KEY] = Summary(
            self._log,
            headers,
            method,
            scope["path"],
            headers.get(b"user-agent", b""),
            headers.get(b"accept-language", b""),
            scope.get("query_string") or b"",
            probe,
        )
        return record


def request_of(scope: Scope) -> Request:
    """Give the request in plain values."""
    headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
    query = (scope.get("query_string") or b"").decode("latin-1")
    return Request(scope["method"], query, headers)


def _start(reply: Response) -> Message:
    # Not the reply's own headers, to which a middleware may add.
    headers = list(reply.encoded)
    return {"type": "http.response.start", "status": reply.status, "headers": headers}


async def _carry(reply: Response, send: Send) -> None:
    await send(_start(reply))
    await send({"type": "http.response.body", "body": reply.body})
