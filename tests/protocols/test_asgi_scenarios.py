"""The course of an ASGI request: see `tests.protocols.scenarios`."""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter
from typing import Any

import pytest

from dockerflow_mw import DockerflowMiddleware
from tests.protocols.scenarios import (
    BOOM,
    DISCONNECTED,
    ERROR_500,
    ERROR_503,
    FAILED,
    FAILED_MIDWAY,
    INCOMPLETE,
    OK,
    Expected,
    logged_by,
    recorded_exception,
)

START = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"1")]}
MORE = {"type": "http.response.body", "body": b"one", "more_body": True}
LAST = {"type": "http.response.body", "body": b"two"}
TRAILERS = {"type": "http.response.trailers", "headers": [(b"b", b"2")]}


def sends(*messages: dict[str, Any], error: BaseException | None = None) -> Any:
    """Return an application that sends messages and then may raise."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        if error is not None:
            raise error

    return app


async def stops_at_disconnect(scope: Any, receive: Any, send: Any) -> None:
    """Stop without the last chunk, as frameworks stop a stream."""
    await send(START)
    await send(MORE)
    while (await receive())["type"] != "http.disconnect":
        pass


async def raises_at_disconnect(scope: Any, receive: Any, send: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    raise BOOM


async def responds_after_disconnect(scope: Any, receive: Any, send: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    await send(START)
    await send(LAST)


def sends_status(code: int) -> Any:
    return sends({**START, "status": code}, LAST)


ASGI = [
    pytest.param(sends(START, LAST), OK, id="one body"),
    pytest.param(sends(START, MORE, LAST), OK, id="a stream"),
    pytest.param(sends({**START, "trailers": True}, LAST, TRAILERS), OK, id="trailers"),
    pytest.param(
        sends(START, {"type": "http.response.pathsend", "path": "/x"}),
        OK,
        id="pathsend",
    ),
    pytest.param(
        sends({"type": "http.response.debug", "info": {}}, START, LAST),
        OK,
        id="a message of another extension",
    ),
    pytest.param(
        sends(START, MORE, {**START, "status": 500}, LAST), OK, id="a second start"
    ),
    pytest.param(sends_status(404), Expected(404), id="404"),
    pytest.param(sends_status(503), ERROR_503, id="503"),
    pytest.param(sends(), ERROR_500, id="no response"),
    pytest.param(sends(START), INCOMPLETE, id="no body"),
    pytest.param(
        sends({**START, "trailers": True}, LAST), INCOMPLETE, id="missing trailers"
    ),
    pytest.param(sends(error=BOOM), FAILED, id="an exception before the headers"),
    pytest.param(
        sends(START, error=FileNotFoundError(2, "gone")),
        Expected(200, 500, logging.ERROR, error="FileNotFoundError(2, 'gone')"),
        id="an OSError after the headers",
    ),
    pytest.param(
        sends(START, MORE, error=BOOM),
        FAILED_MIDWAY,
        id="an exception after the first byte",
    ),
    pytest.param(
        sends(START, LAST, error=BOOM), OK, id="an exception after the last byte"
    ),
    pytest.param(
        stops_at_disconnect, DISCONNECTED, id="a client that disconnects midway"
    ),
    pytest.param(
        raises_at_disconnect,
        Expected(499, disconnected=True, error="ValueError('boom')"),
        id="a client that disconnects before the headers",
    ),
    pytest.param(
        responds_after_disconnect,
        Expected(499, disconnected=True),
        id="a response after the client disconnected",
    ),
    pytest.param(
        sends(error=asyncio.CancelledError()),
        Expected(499, disconnected=True, error="CancelledError()"),
        id="cancelled before the headers",
    ),
    pytest.param(
        sends(START, MORE, error=asyncio.CancelledError()),
        Expected(200, disconnected=True, error="CancelledError()"),
        id="cancelled after the first byte",
    ),
]


def serve_asgi(app: Any) -> list[Any]:
    """Return the messages that a server sees. Its client disconnects at once."""
    seen: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        seen.append(message)

    async def serve() -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        with recorded_exception(seen):
            await app(scope, receive, send)

    asyncio.run(serve())
    return seen


@pytest.mark.parametrize(("app", "expected"), ASGI)
def test_an_asgi_server_sees_the_same_and_the_summary_is_correct(
    caplog: pytest.LogCaptureFixture, app: Any, expected: Expected
) -> None:
    caplog.set_level(logging.INFO)
    without = serve_asgi(app)
    assert serve_asgi(DockerflowMiddleware(app)) == without
    assert logged_by(caplog) == expected


def test_the_duration_ends_with_the_last_byte_and_ignores_the_wall_clock(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    times: list[float] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        times.append(perf_counter())
        await send(START)
        await asyncio.sleep(0.05)
        monkeypatch.setattr("time.time", lambda: 0.0)
        times.append(perf_counter())
        await send(LAST)
        times.append(perf_counter())
        await asyncio.sleep(0.05)

    times.append(perf_counter())
    serve_asgi(DockerflowMiddleware(app))
    before, first, last, after = (1000 * time for time in times)
    (record,) = (r for r in caplog.records if r.name == "request.summary")
    duration: int = record.t  # type: ignore[attr-defined]
    assert int(last - first) <= duration <= after - before
