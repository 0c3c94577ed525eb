"""The course of a WSGI request: see `tests.protocols.scenarios`."""

from __future__ import annotations

import logging
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
    OK,
    ClosableBody,
    Expected,
    logged_by,
    serve_wsgi,
)


def complete_body(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("A", "1"), ("A", "2")])
    return [b"one", b"", b"two"]


def generator(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    yield b"one"
    yield b"two"


def written(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])(b"written")
    return (chunk for chunk in [b"returned"])


def started_twice(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    start_response("500 Oh", [("B", "1")], (ValueError, BOOM, None))
    return [b"sorry"]


def started_twice_by_keyword(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("A", "1")])
    info = (ValueError, BOOM, None)
    start_response("500 Oh", [], exc_info=info)(b"written")
    return []


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


def invalid_status(environ: Any, start_response: Any) -> Any:
    start_response("-20 OK", [])
    return [b""]


def crash_in_the_body(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    yield b"one"
    raise BOOM


def crash_before_the_headers(environ: Any, start_response: Any) -> Any:
    yield from crash(environ, start_response)


def closable_body(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    return ClosableBody(b"one", b"two")


def crash_in_close(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    return ClosableBody(b"one", error=BOOM)


# The second column is the number of chunks that the server reads; None means all.
WSGI = [
    pytest.param(complete_body, None, OK, id="a list"),
    pytest.param(generator, None, OK, id="a generator"),
    pytest.param(closable_body, None, OK, id="a body with a close method"),
    pytest.param(closable_body, 0, OK, id="a body that is never iterated"),
    pytest.param(written, None, OK, id="write"),
    pytest.param(missing, None, Expected(404), id="404"),
    pytest.param(unavailable, None, ERROR_503, id="503"),
    pytest.param(started_twice, None, ERROR_500, id="a second start_response"),
    pytest.param(
        started_twice_by_keyword,
        None,
        ERROR_500,
        id="a second start_response with a keyword",
    ),
    pytest.param(invalid_status, None, ERROR_500, id="an invalid status"),
    pytest.param(crash, None, FAILED, id="an exception"),
    pytest.param(
        crash_before_the_headers, None, FAILED, id="an exception before the headers"
    ),
    pytest.param(
        crash_after_start_response, None, FAILED, id="an exception after start_response"
    ),
    pytest.param(
        crash_before_the_first_byte, None, FAILED, id="an exception before any byte"
    ),
    pytest.param(crash_after_write, None, FAILED_MIDWAY, id="an exception after write"),
    pytest.param(
        crash_in_the_body, None, FAILED_MIDWAY, id="an exception after the first byte"
    ),
    pytest.param(crash_in_close, 0, FAILED_MIDWAY, id="an exception in close"),
    pytest.param(generator, 1, DISCONNECTED, id="a client that disconnects"),
]


@pytest.mark.parametrize(("app", "chunks", "expected"), WSGI)
def test_a_wsgi_server_sees_the_same_and_the_summary_is_correct(
    caplog: pytest.LogCaptureFixture, app: Any, chunks: int | None, expected: Expected
) -> None:
    caplog.set_level(logging.INFO)
    without = serve_wsgi(app, chunks)
    assert serve_wsgi(DockerflowMiddleware(app), chunks) == without
    assert logged_by(caplog) == expected
