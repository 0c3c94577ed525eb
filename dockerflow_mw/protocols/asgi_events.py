"""Records the messages between a server and an ASGI application in a summary."""

from __future__ import annotations

import asyncio
from typing import Any

from dockerflow_mw.protocols.types import Message, Receive, Send
from dockerflow_mw.summary import CLIENT_CLOSED_REQUEST, Summary


def observe_http(
    summary: Summary, receive: Receive, send: Send, echo: bytes | None
) -> tuple[Receive, Send]:
    """Return a receive and a send that record a request's messages in its summary.

    Args:
        summary: the summary of the request.
        receive: the server's callable.
        send: the server's callable.
        echo: the response header to add with the request id, if any.
    """
    trailers = False

    async def observed(message: Message) -> None:
        nonlocal trailers
        kind = message["type"]
        if echo is not None and kind == "http.response.start":
            message = _with_request_id(message, echo, summary.rid)
        try:
            await send(message)
        except OSError as error:
            summary.disconnected |= _is_disconnect(error)
            raise
        if kind == "http.response.body":
            if not (trailers or message.get("more_body")):
                summary.close()
        elif kind == "http.response.start":
            trailers = message.get("trailers", False)
            if not summary.started:
                summary.code = _status(message)
                # RFC 9110, section 15.2: 1xx responses are interim.
                summary.started = summary.code >= 200
        elif _ends_response(message, trailers):
            summary.close()

    return observe_receive(summary, receive), observed


def _status(message: Message) -> int:
    status: Any = message.get("status")
    if isinstance(status, int):
        return status
    try:
        return int(status)
    except (TypeError, ValueError, OverflowError):
        # The server rejects an invalid status; recording it must not raise.
        return 0


def _is_disconnect(error: OSError) -> bool:
    # Servers raise OSErrors of their own for it, which have no errno.
    return isinstance(error, ConnectionError) or error.errno is None


def _ends_response(message: Message, trailers: bool) -> bool:
    # The ASGI extensions for trailers, path send and zero-copy send.
    kind = message["type"]
    if kind == "http.response.trailers":
        return not message.get("more_trailers", False)
    if kind == "http.response.pathsend":
        return not trailers
    zerocopy = kind == "http.response.zerocopysend"
    return zerocopy and not trailers and not message.get("more_body", False)


def record_unfinished(summary: Summary) -> None:
    """Record that the application returned before the end of its response."""
    if not summary.disconnected:
        summary.mark(incomplete=True)
        summary.error = summary.message = (
            "The application returned before the end of its response."
        )


def record_failure(summary: Summary, error: BaseException) -> None:
    """Record the exception of an application, or its cancellation by the server."""
    if isinstance(error, asyncio.CancelledError) and not summary.closed:
        # Servers cancel a request when its client disconnects.
        summary.disconnected = True
    summary.record_exception(error)


def observe_receive(summary: Summary, receive: Receive) -> Receive:
    """Return a receive that records in the summary when the client disconnects."""

    async def observed() -> Message:
        message = await receive()
        kind = message["type"]
        if kind == "http.disconnect" and not summary.closed:
            summary.disconnected = True
            # No response that the application may still send reaches the client.
            summary.code = summary.code or CLIENT_CLOSED_REQUEST
            summary.started = True
        elif kind == "websocket.disconnect":
            summary.disconnected |= not summary.code
            if summary.code in (0, 101):
                _record_close(summary, message.get("code", 1005))
        return message

    return observed


def observe_websocket_send(summary: Summary, send: Send) -> Send:
    """Return a send that records the handshake and the end of a websocket."""

    async def observed(message: Message) -> None:
        await send(message)
        kind = message["type"]
        if kind == "websocket.accept":
            summary.code, summary.started = 101, True
        elif kind == "websocket.http.response.start":
            summary.code, summary.started = _status(message), True
        elif kind == "websocket.close":
            _record_close(summary, message.get("code", 1000))
            # ASGI: closing before the handshake is accepted sends a 403.
            summary.code, summary.started = summary.code or 403, True

    return observed


def _record_close(summary: Summary, code: Any) -> None:
    # RFC 6455, section 7.1.5: the first close frame has the code of the connection.
    if "close_code" not in (summary.marks or {}):
        summary.mark(close_code=code)


def add_request_id(header: bytes, rid: str, send: Send) -> Send:
    """Return a send that adds the request id to the response of a handshake."""

    async def adding(message: Message) -> None:
        if message["type"] in ("websocket.accept", "websocket.http.response.start"):
            message = _with_request_id(message, header, rid)
        await send(message)

    return adding


def _with_request_id(message: Message, header: bytes, rid: str) -> Message:
    # A new message: the application may use its own one again.
    headers = list(message.get("headers") or ())
    if not any(name.lower() == header for name, _ in headers):
        headers.append((header, rid.encode("latin-1")))
    return {**message, "headers": headers}
