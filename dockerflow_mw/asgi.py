"""The ASGI side of the middleware (ASGI 3, HTTP and websocket specification 2.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

from dockerflow_mw.reply import Endpoint, Reply, Request
from dockerflow_mw.request_log import RequestLog
from dockerflow_mw.settings import Settings, SettingsError
from dockerflow_mw.summary import Summary, leave

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


SCOPE_KEY = "dockerflow_mw.summary"


def _header_key(header_name: str) -> bytes:
    return header_name.lower().encode("latin-1")


def _is_last(message: Message, trailers: bool) -> bool:
    kind = message["type"]
    if kind == "http.response.trailers":
        return not message.get("more_trailers", False)
    if kind == "http.response.pathsend":
        return not trailers
    body = kind in ("http.response.body", "http.response.zerocopysend")
    return body and not trailers and not message.get("more_body", False)


class ASGIDoor:
    """An ASGI application in front of another one.

    Args:
        app: the application that has every path and scope that is not ours.
        settings: the middleware's settings.
        endpoints: what answers our own paths.
        announce: called when the application is up, or before the first request.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        endpoints: Mapping[str, Endpoint],
        announce: Callable[[], str | None],
    ) -> None:
        self._app = app
        self._endpoints = endpoints
        self._announce: Callable[[], str | None] | None = announce
        self._log = RequestLog(settings, _header_key)
        echo = settings.response_header_name
        self._echo = None if echo is None else echo.lower().encode("latin-1")
        self._log_websockets = settings.summary_log_websockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope; those that are not HTTP pass untouched."""
        kind = scope["type"]
        if kind == "http":
            await self._serve_http(scope, receive, send)
        elif kind == "websocket":
            await self._serve_websocket(scope, receive, send)
        elif kind == "lifespan":
            await self._serve_lifespan(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _serve_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._find(scope)
        if self._announce is not None and not (endpoint and endpoint.quiet):
            self._announce_once()
        if SCOPE_KEY in scope:
            # Another middleware of ours, further out, sees to the record.
            await self._respond(endpoint, scope, receive, send)
            return
        record = self._open(scope, scope["method"], endpoint is not None)
        observed = self._observe(record, send)
        try:
            watched = _watch(record, receive)
            await self._respond(endpoint, scope, watched, observed)
            # A response that was begun and never ended has lost its client.
            record.disconnected |= record.code > 0
        except BaseException as error:
            record.fail(error)
            record.disconnected |= isinstance(error, asyncio.CancelledError)
            raise
        finally:
            record.close()
            leave(record)

    async def _respond(
        self, endpoint: Endpoint | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if endpoint is None:
            await self._app(scope, receive, send)
        else:
            await _carry(await endpoint.aanswer(_request(scope)), send)

    async def _serve_websocket(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if SCOPE_KEY in scope:
            await self._app(scope, receive, send)
            return
        # The handshake is a GET, RFC 6455, section 4.1.
        record = self._open(scope, "GET")
        if self._log_websockets:
            record.mark(type="websocket")
            receive, send = _watch(record, receive), _observe_websocket(record, send)
        if self._echo is not None:
            send = _echo_handshake(self._echo, record.rid, send)
        try:
            await self._app(scope, receive, send)
        except BaseException as error:
            record.fail(error)
            record.disconnected |= isinstance(error, asyncio.CancelledError)
            raise
        finally:
            if self._log_websockets:
                record.close()
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

    def _find(self, scope: Scope) -> Endpoint | None:
        path = scope["path"]
        if path in self._endpoints:
            return self._endpoints[path]
        # Servers differ in whether the path still holds the mount point.
        root = (scope.get("root_path") or "").rstrip("/")
        if root and path.startswith(root):
            return self._endpoints.get(path[len(root) :])
        return None

    def _open(self, scope: Scope, method: str, probe: bool = False) -> Summary:
        pairs = scope["headers"]
        if not isinstance(pairs, (list, tuple)):
            # Any iterable will do, and one that can be read once is the application's.
            pairs = scope["headers"] = list(pairs)
        headers = dict(pairs)
        record = scope[SCOPE_KEY] = self._log.open(
            headers,
            method,
            scope["path"],
            headers.get(b"user-agent", b"").decode("latin-1"),
            headers.get(b"accept-language", b"").decode("latin-1"),
            (scope.get("query_string") or b"").decode("latin-1"),
            probe,
        )
        return record

    def _observe(self, record: Summary, send: Send) -> Send:
        echo = self._echo
        trailers = False

        async def observed(message: Message) -> None:
            nonlocal trailers
            if message["type"] == "http.response.start":
                record.code = _code(message)
                trailers = message.get("trailers", False)
                if echo is not None:
                    message = _echoed(message, echo, record.rid)
            try:
                await send(message)
            except OSError:
                record.disconnected = True
                raise
            if _is_last(message, trailers):
                record.close()

        return observed


def _code(message: Message) -> int:
    # A status that is none is the server's to refuse, not ours.
    try:
        return int(message["status"])
    except (KeyError, TypeError, ValueError):
        return 0


def _watch(record: Summary, receive: Receive) -> Receive:
    async def watched() -> Message:
        message = await receive()
        kind = message["type"]
        if kind == "http.disconnect":
            record.disconnected |= not record.closed
        elif kind == "websocket.disconnect":
            record.mark(close_code=message.get("code", 1005))
            record.disconnected |= not record.code
        return message

    return watched


def _observe_websocket(record: Summary, send: Send) -> Send:
    async def observed(message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            record.code = 101
        elif kind == "websocket.http.response.start":
            record.code = _code(message)
        elif kind == "websocket.close":
            record.mark(close_code=message.get("code", 1000))
            # A server answers so for a handshake that is not accepted.
            record.code = record.code or 403
        await send(message)

    return observed


def _echo_handshake(header: bytes, rid: str, send: Send) -> Send:
    async def echoing(message: Message) -> None:
        if message["type"] in ("websocket.accept", "websocket.http.response.start"):
            message = _echoed(message, header, rid)
        await send(message)

    return echoing


def _echoed(message: Message, header: bytes, rid: str) -> Message:
    # A new message, because this one is the application's.
    echoed = (header, rid.encode("latin-1"))
    return {**message, "headers": [*message.get("headers", ()), echoed]}


def _request(scope: Scope) -> Request:
    headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
    query = (scope.get("query_string") or b"").decode("latin-1")
    return Request(scope["method"], query, headers)


async def _carry(reply: Reply, send: Send) -> None:
    headers = [(k.lower().encode(), v.encode("latin-1")) for k, v in reply.headers]
    start = {"type": "http.response.start", "status": reply.status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": reply.body})
