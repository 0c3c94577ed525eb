"""How requests go, on both sides: what is told of them, and that nothing is changed.

Each scenario is served twice, with the middleware and without. The server has to see
the same, an exception included, and there has to be one record that is true.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dockerflow_mw import DockerflowMiddleware

BOOM = ValueError("boom")


@dataclasses.dataclass(frozen=True)
class Told:
    """What the record of a request has to say."""

    code: int
    errno: int = 0
    level: int = logging.INFO
    disconnected: bool = False
    error: str | None = None


FINE = Told(200)
TORN = Told(200, 500, logging.ERROR, error="ValueError('boom')")
BROKEN = Told(500, 500, logging.ERROR, error="ValueError('boom')")
LEFT = Told(200, disconnected=True)
OPEN = Told(200, 500, logging.ERROR, error="The application left its response open.")


def told_by(caplog: pytest.LogCaptureFixture) -> Told:
    """Give what the one record says."""
    (found,) = (r for r in caplog.records if r.name == "request.summary")
    record: Any = found
    fields = vars(record)
    return Told(
        record.code,
        record.errno,
        record.levelno,
        fields.get("disconnected", False),
        fields.get("error"),
    )


# WSGI


class Closed:
    """A body with a close method, which may raise."""

    def __init__(self, *chunks: bytes, error: Exception | None = None) -> None:
        self.chunks = iter(chunks)
        self.error = error
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self.chunks

    def close(self) -> None:
        self.closed += 1
        if self.error is not None:
            raise self.error


def whole(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("A", "1"), ("A", "2")])
    return [b"one", b"", b"two"]


def generator(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    yield b"one"
    yield b"two"


def written(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])(b"written")
    return (chunk for chunk in [b"returned"])


def started_again(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    start_response("500 Oh", [("B", "1")], (ValueError, BOOM, None))
    return [b"sorry"]


def missing(environ: Any, start_response: Any) -> Any:
    start_response("404 Not Found", [])
    return []


def unavailable(environ: Any, start_response: Any) -> Any:
    start_response("503 Busy", [("Retry-After", "1")])
    return iter([b"busy"])


def crash(environ: Any, start_response: Any) -> Any:
    raise BOOM


def crash_after_start_response(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    raise BOOM


def crash_before_the_first_byte(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    yield b""
    raise BOOM


def crash_after_write(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])(b"written")
    raise BOOM


def refused_status(environ: Any, start_response: Any) -> Any:
    start_response("-20 OK", [])
    return [b""]


def crash_in_the_body(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    yield b"one"
    raise BOOM


def crash_before_the_headers(environ: Any, start_response: Any) -> Any:
    yield from crash(environ, start_response)


def closed(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    return Closed(b"one", b"two")


def crash_in_close(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    return Closed(b"one", error=BOOM)


WSGI = [
    pytest.param(whole, None, FINE, id="a list"),
    pytest.param(generator, None, FINE, id="a generator"),
    pytest.param(closed, None, FINE, id="a body that is closed"),
    pytest.param(written, None, FINE, id="write"),
    pytest.param(missing, None, Told(404), id="404"),
    pytest.param(unavailable, None, Told(503, 503, logging.ERROR), id="503"),
    pytest.param(
        started_again, None, Told(500, 500, logging.ERROR), id="started twice"
    ),
    pytest.param(crash, None, BROKEN, id="an exception"),
    pytest.param(
        crash_before_the_headers, None, BROKEN, id="an exception before the headers"
    ),
    pytest.param(
        crash_after_start_response, None, BROKEN, id="an exception after start_response"
    ),
    pytest.param(
        crash_before_the_first_byte, None, BROKEN, id="an exception before any byte"
    ),
    pytest.param(crash_after_write, None, TORN, id="an exception after write"),
    pytest.param(
        refused_status, None, Told(500, 500, logging.ERROR), id="no status at all"
    ),
    pytest.param(crash_in_the_body, None, TORN, id="an exception after the headers"),
    pytest.param(crash_in_close, 0, TORN, id="an exception in close"),
    pytest.param(generator, 1, LEFT, id="the client leaves"),
    pytest.param(closed, 0, FINE, id="a body that is never iterated"),
]


def serve_wsgi(app: Any, chunks: int | None) -> list[Any]:
    """Give what a server sees that reads so many chunks, or all."""
    seen: list[Any] = []

    def start_response(*args: Any) -> Callable[[bytes], None]:
        seen.append(args)
        return lambda data: seen.append(("written", data))

    environ = {"PATH_INFO": "/", "REQUEST_METHOD": "GET"}
    with contextlib.ExitStack() as stack:
        stack.enter_context(noted(seen))
        body = app(environ, start_response)
        if hasattr(body, "close"):
            stack.callback(body.close)
        iterator = iter(body) if chunks != 0 else iter(())
        seen.extend(next(iterator, None) for _ in range(chunks or 100))
    return seen


@contextlib.contextmanager
def noted(seen: list[Any]) -> Iterator[None]:
    """Note the exception that comes out."""
    try:
        yield
    except (Exception, asyncio.CancelledError) as error:
        seen.append(error if error is BOOM else repr(error))


@pytest.mark.parametrize(("app", "chunks", "told"), WSGI)
def test_wsgi(
    caplog: pytest.LogCaptureFixture, app: Any, chunks: int | None, told: Told
) -> None:
    caplog.set_level(logging.INFO)
    without = serve_wsgi(app, chunks)
    assert serve_wsgi(DockerflowMiddleware(app), chunks) == without
    assert told_by(caplog) == told


# ASGI

START = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"1")]}
MORE = {"type": "http.response.body", "body": b"one", "more_body": True}
LAST = {"type": "http.response.body", "body": b"two"}
TRAILERS = {"type": "http.response.trailers", "headers": [(b"b", b"2")]}


def sends(*messages: dict[str, Any], error: BaseException | None = None) -> Any:
    """Make an application that sends messages, and may raise after them."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        if error is not None:
            raise error

    return app


async def listens(scope: Any, receive: Any, send: Any) -> None:
    """Stop when the client leaves, as frameworks do that stream."""
    await send(START)
    await send(MORE)
    while (await receive())["type"] != "http.disconnect":
        pass


async def listens_without_an_answer(scope: Any, receive: Any, send: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    raise BOOM


async def answers_nobody(scope: Any, receive: Any, send: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    await send(START)
    await send(LAST)


def status(code: int) -> Any:
    return sends({**START, "status": code}, LAST)


ASGI = [
    pytest.param(sends(START, LAST), FINE, id="one body"),
    pytest.param(sends(START, MORE, LAST), FINE, id="a stream"),
    pytest.param(
        sends({**START, "trailers": True}, LAST, TRAILERS), FINE, id="trailers"
    ),
    pytest.param(
        sends(START, {"type": "http.response.pathsend", "path": "/x"}),
        FINE,
        id="pathsend",
    ),
    pytest.param(
        sends({"type": "http.response.debug", "info": {}}, START, LAST),
        FINE,
        id="a message of another extension",
    ),
    pytest.param(status(404), Told(404), id="404"),
    pytest.param(status(503), Told(503, 503, logging.ERROR), id="503"),
    pytest.param(sends(error=BOOM), BROKEN, id="an exception before the headers"),
    pytest.param(
        sends(START, MORE, error=BOOM), TORN, id="an exception after the headers"
    ),
    pytest.param(
        sends(START, LAST, error=BOOM), FINE, id="an exception after the last byte"
    ),
    pytest.param(sends(), Told(500, 500, logging.ERROR), id="no response"),
    pytest.param(sends(START), OPEN, id="a response without an end"),
    pytest.param(sends({**START, "trailers": True}, LAST), OPEN, id="no trailers"),
    pytest.param(
        sends(START, MORE, {**START, "status": 500}, LAST), FINE, id="started again"
    ),
    pytest.param(
        sends(START, error=FileNotFoundError(2, "gone")),
        Told(200, 500, logging.ERROR, error="FileNotFoundError(2, 'gone')"),
        id="a file that is not there",
    ),
    pytest.param(answers_nobody, Told(499, disconnected=True), id="answered too late"),
    pytest.param(listens, LEFT, id="the client leaves"),
    pytest.param(
        listens_without_an_answer,
        Told(499, disconnected=True, error="ValueError('boom')"),
        id="the client leaves before its answer",
    ),
    pytest.param(
        sends(error=asyncio.CancelledError()),
        Told(499, disconnected=True, error="CancelledError()"),
        id="cancelled before the headers",
    ),
    pytest.param(
        sends(START, MORE, error=asyncio.CancelledError()),
        Told(200, disconnected=True, error="CancelledError()"),
        id="cancelled after the headers",
    ),
]


def serve_asgi(app: Any) -> list[Any]:
    """Give what a server sees whose client leaves as soon as it is asked."""
    seen: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        seen.append(message)

    async def serve() -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        with noted(seen):
            await app(scope, receive, send)

    asyncio.run(serve())
    return seen


@pytest.mark.parametrize(("app", "told"), ASGI)
def test_asgi(caplog: pytest.LogCaptureFixture, app: Any, told: Told) -> None:
    caplog.set_level(logging.INFO)
    without = serve_asgi(app)
    assert serve_asgi(DockerflowMiddleware(app)) == without
    assert told_by(caplog) == told


def test_the_time_of_a_stream_is_its_own_whatever_the_wall_clock_does(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await asyncio.sleep(0.3)
        monkeypatch.setattr("time.time", lambda: 0.0)
        await asyncio.sleep(0.3)
        await send(LAST)
        # What comes after the last byte is no part of the answer.
        await asyncio.sleep(0.3)

    serve_asgi(DockerflowMiddleware(app))
    (record,) = (r for r in caplog.records if r.name == "request.summary")
    taken: int = record.t  # type: ignore[attr-defined]
    assert 600 <= taken < 900
