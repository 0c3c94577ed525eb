"""The ASGI middleware: websockets."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from dockerflow_mw import DockerflowMiddleware
from dockerflow_mw.request_id import request_id_context
from tests.logs import codes, summaries
from tests.protocols.serving import HTTP, page, sent_by

WEBSOCKET = {**HTTP, "type": "websocket"}
CONNECT = {"type": "websocket.connect"}
ACCEPT = {"type": "websocket.accept"}
CLOSE = {"type": "websocket.close"}


async def test_a_websocket_passes_and_the_application_has_the_request_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(request_id_context.get())
        assert await receive() == CONNECT
        await send(ACCEPT)
        message = await receive()
        await send({"type": "websocket.send", "text": message["text"]})

    sent = await sent_by(
        DockerflowMiddleware(app),
        {**WEBSOCKET, "path": "/__heartbeat__"},
        CONNECT,
        {"type": "websocket.receive", "text": "hi"},
    )
    assert sent == [ACCEPT, {"type": "websocket.send", "text": "hi"}]
    assert seen == ["abc"]
    assert summaries(caplog) == []


@pytest.mark.parametrize(
    ("sent", "received", "expected"),
    [
        pytest.param(
            [ACCEPT, CLOSE],
            [CONNECT],
            {"code": 101, "close_code": 1000},
            id="closed by the application",
        ),
        pytest.param(
            [ACCEPT],
            [CONNECT, {"type": "websocket.disconnect", "code": 1001}],
            {"code": 101, "close_code": 1001},
            id="closed by the client",
        ),
        pytest.param(
            [{**CLOSE, "code": 4000}],
            [CONNECT],
            {"code": 403, "close_code": 4000},
            id="refused",
        ),
        pytest.param(
            [{"type": "websocket.http.response.start", "status": 401}],
            [CONNECT],
            {"code": 401},
            id="refused with a response",
        ),
        pytest.param(
            [],
            [CONNECT, {"type": "websocket.disconnect"}],
            {"code": 499, "close_code": 1005, "disconnected": True},
            id="disconnected before it was accepted",
        ),
    ],
)
async def test_a_websocket_has_a_summary_if_the_setting_asks_for_it(
    caplog: pytest.LogCaptureFixture,
    sent: list[Any],
    received: list[Any],
    expected: dict[str, Any],
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in received[:1]:
            await receive()
        for message in sent:
            await send(message)
        for _ in received[1:]:
            await receive()

    await sent_by(DockerflowMiddleware(app), dict(WEBSOCKET), *received)
    assert summaries(caplog) == []
    logged = DockerflowMiddleware(app, summary_log_websockets=True)
    await sent_by(logged, dict(WEBSOCKET), *received)
    (record,) = summaries(caplog)
    assert (record.type, record.method, record.rid) == ("websocket", "GET", "abc")
    names = ("code", "close_code", "disconnected")
    assert {k: v for k, v in vars(record).items() if k in names} == expected


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        pytest.param(
            [CONNECT, {"type": "websocket.disconnect", "code": 1006}],
            {"code": 101, "close_code": 1006},
            id="the client closes first",
        ),
        pytest.param(
            [CONNECT],
            {"code": 101, "close_code": 1000},
            id="the application closes first",
        ),
    ],
)
async def test_the_first_close_code_is_logged(
    caplog: pytest.LogCaptureFixture, messages: list[Any], expected: dict[str, int]
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        for _ in messages[1:]:
            await receive()
        await send({**CLOSE, "code": 1000})

    application = DockerflowMiddleware(app, summary_log_websockets=True)
    await sent_by(application, dict(WEBSOCKET), *messages)
    (record,) = summaries(caplog)
    assert {name: vars(record)[name] for name in expected} == expected


async def test_an_exception_on_a_websocket_is_logged_as_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(ACCEPT)
        raise ValueError("boom")

    application = DockerflowMiddleware(app, summary_log_websockets=True)
    with pytest.raises(ValueError, match="boom"):
        await sent_by(application, dict(WEBSOCKET))
    (record,) = summaries(caplog)
    assert (record.code, record.error) == (101, "ValueError('boom')")
    assert record.levelno == logging.ERROR


async def test_nested_middlewares_log_one_summary(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inner: Any = DockerflowMiddleware(page, summary_log_websockets=True)

    async def between(scope: Any, receive: Any, send: Any) -> None:
        await inner(scope, receive, send)

    application = DockerflowMiddleware(between, summary_log_websockets=True)
    await sent_by(application, dict(WEBSOCKET))
    # The application sent no message of a websocket.
    assert codes(caplog) == [500]


@pytest.mark.parametrize(
    "answer",
    [
        ACCEPT,
        {**ACCEPT, "headers": [(b"x-own", b"1")]},
        {"type": "websocket.http.response.start", "status": 401, "headers": []},
    ],
)
async def test_the_response_to_a_handshake_has_the_request_id(
    answer: dict[str, Any],
) -> None:
    own = list(answer.get("headers", []))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(answer)
        await send(CLOSE)

    application = DockerflowMiddleware(app, echo_request_id=True)
    handshake, close = await sent_by(application, dict(WEBSOCKET))
    assert handshake == {**answer, "headers": [*own, (b"x-request-id", b"abc")]}
    assert close == CLOSE
    assert answer.get("headers", []) == own
