"""The ASGI side of the middleware (ASGI 3, HTTP and websocket specification 2.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

from dockerflow_mw import summary
from dockerflow_mw.reply import Endpoint, Reply, Request
from dockerflow_mw.request_id import RequestIdReader, request_id_context
from dockerflow_mw.settings import Settings, SettingsError

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


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
        names = settings.request_id_header_name
        self._read_id = RequestIdReader(names, _header_key).read
        echo = settings.response_header_name
        self._echo = None if echo is None else echo.lower().encode("latin-1")
        self._querystring = settings.summary_log_querystring

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
        if self._announce is not None:
            self._announce_once()
        former = request_id_context.get()
        record = self._open(scope)
        endpoint = self._find(scope)
        observed = self._observe(record, send)
        try:
            if endpoint is None:
                await self._app(scope, receive, observed)
            else:
                await _carry(await endpoint.aanswer(_request(scope)), observed)
            # A response that was begun and never ended has lost its client.
            record.disconnected |= record.code > 0
        except BaseException as error:
            record.error = error
            record.disconnected |= isinstance(error, asyncio.CancelledError)
            raise
        finally:
            record.close()
            summary.enter(None)
            request_id_context.set(former)

    async def _serve_websocket(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        former = request_id_context.get()
        request_id_context.set(self._read_id(dict(scope["headers"])))
        try:
            await self._app(scope, receive, send)
        finally:
            request_id_context.set(former)

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
        root = scope.get("root_path", "").rstrip("/")
        if root and path.startswith(root):
            return self._endpoints.get(path[len(root) :])
        return None

    def _open(self, scope: Scope) -> summary.Summary:
        headers = dict(scope["headers"])
        request_id = self._read_id(headers)
        request_id_context.set(request_id)
        query = scope.get("query_string", b"") if self._querystring else None
        record = summary.Summary(
            scope["method"],
            scope["path"],
            headers.get(b"user-agent", b"").decode("latin-1"),
            headers.get(b"accept-language", b"").decode("latin-1"),
            request_id,
            None if query is None else query.decode("latin-1"),
        )
        summary.enter(record)
        return record

    def _observe(self, record: summary.Summary, send: Send) -> Send:
        echo = self._echo
        trailers = False

        async def observed(message: Message) -> None:
            nonlocal trailers
            if message["type"] == "http.response.start":
                record.code = message["status"]
                trailers = message.get("trailers", False)
                if echo is not None:
                    echoed = (echo, record.rid.encode("latin-1"))
                    headers = [*message.get("headers", ()), echoed]
                    message = {**message, "headers": headers}
            try:
                await send(message)
            except OSError:
                record.disconnected = True
                raise
            if _is_last(message, trailers):
                record.close()

        return observed


def _request(scope: Scope) -> Request:
    headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
    query = scope.get("query_string", b"").decode("latin-1")
    return Request(scope["method"], query, headers)


async def _carry(reply: Reply, send: Send) -> None:
    headers = [(k.lower().encode(), v.encode("latin-1")) for k, v in reply.headers]
    start = {"type": "http.response.start", "status": reply.status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": reply.body})
