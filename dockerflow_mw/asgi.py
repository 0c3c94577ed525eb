"""The ASGI side of the middleware (ASGI 3, HTTP and websocket specification 2.5)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

from dockerflow_mw.reply import Endpoint, Reply, Request
from dockerflow_mw.request_log import RequestLog
from dockerflow_mw.settings import Settings, SettingsError
from dockerflow_mw.summary import Summary, leave
from dockerflow_mw.summary import logger as summary_logger

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


SCOPE_KEY = "dockerflow_mw.summary"

# How many messages of a body may come before it is heard that the client has left.
_BACKLOG = 64


def _header_key(header_name: str) -> bytes:
    return header_name.lower().encode("latin-1")


def _is_last(message: Message, trailers: bool) -> bool:
    # Of the messages that extensions have beside an ordinary body's.
    kind = message["type"]
    if kind == "http.response.trailers":
        return not message.get("more_trailers", False)
    if kind == "http.response.pathsend":
        return not trailers
    zerocopy = kind == "http.response.zerocopysend"
    return zerocopy and not trailers and not message.get("more_body", False)


class ASGIDoor:
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
            receive, send = _observed(record, receive, send, self._echo)
        try:
            # As in _respond, without another coroutine around each page.
            if endpoint is None:
                await self._app(scope, receive, send)
            else:
                await _carry(await endpoint.aanswer(request_of(scope)), send)
            if record.begun and not record.closed:
                _mark_open(record)
        except BaseException as error:
            _fail(record, error, receive)
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
            receive, send = _watch(record, receive), _observe_websocket(record, send)
        if self._echo is not None:
            send = _echo_handshake(self._echo, record.rid, send)
        try:
            await self._app(scope, receive, send)
        except BaseException as error:
            _fail(record, error, receive)
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


def _observed(
    record: Summary, receive: Receive, send: Send, echo: bytes | None
) -> tuple[Receive, Send]:
    trailers = False

    async def observed(message: Message) -> None:
        nonlocal trailers
        kind = message["type"]
        if echo is not None and kind == "http.response.start":
            message = _echoed(message, echo, record.rid)
        try:
            await send(message)
        except OSError as error:
            record.disconnected |= _is_departure(error)
            raise
        if kind == "http.response.body":
            if not (trailers or message.get("more_body")):
                record.close()
        elif kind == "http.response.start":
            if not record.begun:
                # Once begun, a response is what it is, whatever else is sent.
                status = message.get("status")
                record.code = status if isinstance(status, int) else _code(status)
                # 1xx are interim.
                record.begun = record.code >= 200
            trailers = message.get("trailers", False)
        elif _is_last(message, trailers):
            record.close()

    return _watch(record, receive), observed


def _code(status: Any) -> int:
    # A status that is none is the server's to refuse, not ours.
    try:
        return int(status)
    except (TypeError, ValueError, OverflowError):
        return 0


def _is_departure(error: OSError) -> bool:
    # Servers have errors of their own for it, which have no number.
    return isinstance(error, ConnectionError) or error.errno is None


def _mark_open(record: Summary) -> None:
    if not record.disconnected:
        record.mark(incomplete=True)
        record.error = record.message = "The application left its response open."


def _fail(record: Summary, error: BaseException, receive: Receive) -> None:
    # A server cancels who has lost the client, and who is late when it stops itself.
    if isinstance(error, asyncio.CancelledError) and not record.closed:
        record.disconnected |= _has_left(receive)
    record.fail(error)


def _has_left(receive: Receive) -> bool:
    """Tell whether the server says at once that the client has gone."""
    try:
        for _ in range(_BACKLOG):
            message = _at_once(receive)
            if message is None or message["type"].endswith(".disconnect"):
                return message is not None
    except Exception:
        return False
    return False


def _at_once(receive: Receive) -> Message | None:
    # Not awaited: one step, for what is known now.
    asked = receive().__await__()
    try:
        next(asked)
    except StopIteration as answer:
        message: Message = answer.value
        return message
    asked.close()
    return None


def _watch(record: Summary, receive: Receive) -> Receive:
    async def watched() -> Message:
        message = await receive()
        kind = message["type"]
        if kind == "http.disconnect" and not record.closed:
            record.disconnected = True
            # nginx's number, for whatever the application may answer yet.
            record.code = record.code or 499
            record.begun = True
        elif kind == "websocket.disconnect":
            record.disconnected |= not record.code
            if record.code in (0, 101):
                _mark_close(record, message.get("code", 1005))
        return message

    return watched


def _observe_websocket(record: Summary, send: Send) -> Send:
    async def observed(message: Message) -> None:
        kind = message["type"]
        await send(message)
        if kind == "websocket.accept":
            record.code, record.begun = 101, True
        elif kind == "websocket.http.response.start":
            status = message.get("status")
            record.code = status if isinstance(status, int) else _code(status)
            record.begun = True
        elif kind == "websocket.close":
            _mark_close(record, message.get("code", 1000))
            # A server answers so for a handshake that is not accepted.
            record.code, record.begun = record.code or 403, True

    return observed


def _mark_close(record: Summary, code: int) -> None:
    # Who closes first says why.
    if "close_code" not in (record.marks or {}):
        record.mark(close_code=code)


def _echo_handshake(header: bytes, rid: str, send: Send) -> Send:
    async def echoing(message: Message) -> None:
        if message["type"] in ("websocket.accept", "websocket.http.response.start"):
            message = _echoed(message, header, rid)
        await send(message)

    return echoing


def _echoed(message: Message, header: bytes, rid: str) -> Message:
    # A new message, because this one is the application's.
    headers = list(message.get("headers") or ())
    if not any(name.lower() == header for name, _ in headers):
        headers.append((header, rid.encode("latin-1")))
    return {**message, "headers": headers}


def request_of(scope: Scope) -> Request:
    """Give the request in plain values."""
    headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
    query = (scope.get("query_string") or b"").decode("latin-1")
    return Request(scope["method"], query, headers)


def _start(reply: Reply) -> Message:
    # Not the reply's own headers, to which a middleware may add.
    headers = list(reply.encoded)
    return {"type": "http.response.start", "status": reply.status, "headers": headers}


async def _carry(reply: Reply, send: Send) -> None:
    await send(_start(reply))
    await send({"type": "http.response.body", "body": reply.body})
