"""What the messages between a server and an ASGI application tell a summary."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from dockerflow_mw.summary import Summary

if TYPE_CHECKING:
    from dockerflow_mw.protocols.asgi import Message, Receive, Send

# How many messages of a body may come before it is heard that the client has left.
_BACKLOG = 64


def observe(
    record: Summary, receive: Receive, send: Send, echo: bytes | None
) -> tuple[Receive, Send]:
    """Have a summary see what is sent and received.

    Args:
        record: the summary.
        receive: the server's.
        send: the server's.
        echo: the response header that carries the request id, if there is to be one.
    """
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

    return watch(record, receive), observed


def _code(status: Any) -> int:
    # A status that is none is the server's to refuse, not ours.
    try:
        return int(status)
    except (TypeError, ValueError, OverflowError):
        return 0


def _is_departure(error: OSError) -> bool:
    # Servers have errors of their own for it, which have no number.
    return isinstance(error, ConnectionError) or error.errno is None


def mark_open(record: Summary) -> None:
    """Take down that a response has no end, though the application has one."""
    if not record.disconnected:
        record.mark(incomplete=True)
        record.error = record.message = "The application left its response open."


def fail(record: Summary, error: BaseException, receive: Receive) -> None:
    """Take down what an application raised, or what it was cancelled for."""
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


def watch(record: Summary, receive: Receive) -> Receive:
    """Have a summary see when the client leaves."""

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


def observe_websocket(record: Summary, send: Send) -> Send:
    """Have a summary see what becomes of a websocket."""

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


def echo_handshake(header: bytes, rid: str, send: Send) -> Send:
    """Have the answer to a handshake carry the request id."""

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


def _is_last(message: Message, trailers: bool) -> bool:
    # Of the messages that extensions have beside an ordinary body's.
    kind = message["type"]
    if kind == "http.response.trailers":
        return not message.get("more_trailers", False)
    if kind == "http.response.pathsend":
        return not trailers
    zerocopy = kind == "http.response.zerocopysend"
    return zerocopy and not trailers and not message.get("more_body", False)
