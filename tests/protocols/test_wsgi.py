"""The WSGI middleware: bodies, start_response, and what servers rely on."""

from __future__ import annotations

import gc
import io
import logging
from collections.abc import Iterator
from typing import Any
from wsgiref.handlers import SimpleHandler
from wsgiref.util import setup_testing_defaults

import pytest
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.test import Client

from dockerflow_mw import DockerflowMiddleware
from dockerflow_mw.request_id import request_id_context
from tests.logs import codes, summaries
from tests.protocols.serving import Exchange


def stream(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [])
    yield b"a"
    yield b"b"


def empty(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b""]


class ClosableBody:
    """A body that counts how often it is closed."""

    closed = 0

    def __iter__(self) -> Iterator[bytes]:
        yield b"a"
        yield b"b"

    def close(self) -> None:
        self.closed += 1


def test_the_summary_is_logged_at_the_end_of_the_body_and_the_body_closed_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = ClosableBody()

    def app(environ: Any, start_response: Any) -> ClosableBody:
        start_response("200 OK", [])
        return body

    exchange = Exchange(DockerflowMiddleware(app))
    iterator = iter(exchange.body)
    assert next(iterator) == b"a"
    assert codes(caplog) == []
    assert list(iterator) == [b"b"]
    assert codes(caplog) == [200]
    exchange.body.close()
    assert (codes(caplog), body.closed) == ([200], 1)


@pytest.mark.parametrize("body", [[], [b"a", b"b"], (b"a",), b"bytes", "text", None])
def test_a_complete_body_is_returned_unchanged(
    caplog: pytest.LogCaptureFixture, body: Any
) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return body

    assert Exchange(DockerflowMiddleware(app)).body is body
    assert codes(caplog) == [200]


def test_a_generator_runs_only_when_the_server_reads_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("201 Created", [])
        yield b"late"

    exchange = Exchange(DockerflowMiddleware(app))
    assert exchange.started == []
    assert list(exchange.body) == [b"late"]
    assert exchange.started == [("201 Created", [])]
    assert codes(caplog) == [201]


def test_an_exception_in_close_is_raised_after_the_request_ended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Body(list[bytes]):
        def close(self) -> None:
            raise ValueError("no")

    def app(environ: Any, start_response: Any) -> Body:
        start_response("200 OK", [])
        return Body()

    with pytest.raises(ValueError, match="no"):
        Exchange(DockerflowMiddleware(app)).body.close()
    assert codes(caplog) == [200]
    assert request_id_context.get() is None


def test_an_exception_after_the_content_length_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", "1")])
        yield b"a"
        raise ValueError("commit failed")

    exchange = Exchange(DockerflowMiddleware(app))
    with pytest.raises(ValueError, match="commit failed"):
        list(exchange.body)
    (record,) = summaries(caplog)
    assert (record.code, record.errno) == (200, 500)


def test_a_body_that_is_never_closed_is_logged_as_incomplete(
    caplog: pytest.LogCaptureFixture,
) -> None:
    exchange = Exchange(DockerflowMiddleware(stream))
    next(exchange.body)
    del exchange
    # The body and the server's start_response refer to each other.
    gc.collect()
    (record,) = summaries(caplog)
    assert (record.code, record.incomplete) == (200, True)


@pytest.mark.parametrize("status", ["", "abc", "2", None])
def test_the_server_gets_an_invalid_status_unchanged(status: Any) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response(status, [])
        return []

    assert Exchange(DockerflowMiddleware(app)).started == [(status, [])]


def test_a_server_can_derive_the_content_length_of_a_single_chunk() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"four"]

    out = io.BytesIO()
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    handler = SimpleHandler(io.BytesIO(), out, io.StringIO(), environ)
    handler.run(DockerflowMiddleware(app))
    assert b"Content-Length: 4\r\n" in out.getvalue()
    streamed = Exchange(DockerflowMiddleware(lambda e, s: iter(())))
    assert not hasattr(streamed.body, "__len__")


def test_a_failed_write_counts_as_disconnected(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def write(data: bytes) -> None:
        raise BrokenPipeError

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])(b"written")
        return []

    application: Any = DockerflowMiddleware(app)
    with pytest.raises(BrokenPipeError):
        application({"REQUEST_METHOD": "GET"}, lambda *args: write)
    (record,) = summaries(caplog)
    assert (record.disconnected, record.levelno) == (True, logging.INFO)


def test_nested_middlewares_log_one_summary(caplog: pytest.LogCaptureFixture) -> None:
    inner = DockerflowMiddleware(stream)

    def between(environ: Any, start_response: Any) -> Any:
        return inner(environ, start_response)

    exchange = Exchange(DockerflowMiddleware(between))
    list(exchange.body)
    exchange.body.close()
    assert codes(caplog) == [200]


@pytest.mark.parametrize("path", ["/__lbheartbeat__", "/__version__"])
def test_a_probe_of_the_inner_middleware_is_a_probe_of_the_outer_one(
    caplog: pytest.LogCaptureFixture, path: str
) -> None:
    inner = DockerflowMiddleware(stream)

    def mounted(environ: Any, start_response: Any) -> Any:
        _, _, environ["PATH_INFO"] = environ["PATH_INFO"].partition("/inner")
        return inner(environ, start_response)

    application = DockerflowMiddleware(mounted, log_probes="none")
    exchange = Exchange(application, f"/inner{path}")
    assert exchange.started
    assert codes(caplog) == []


class FileWrapper:
    def __init__(self, file: io.BytesIO) -> None:
        self.file = file

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.file)


@pytest.mark.parametrize(
    "wrapper", [FileWrapper, pytest.param(lambda file: file, id="function")]
)
def test_a_file_for_the_server_is_returned_unchanged(
    caplog: pytest.LogCaptureFixture, wrapper: Any
) -> None:
    wrapped = wrapper(io.BytesIO(b"content"))

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return wrapped

    environ = {"PATH_INFO": "/", "wsgi.file_wrapper": wrapper}
    application: Any = DockerflowMiddleware(app)
    assert application(environ, lambda status, headers: None) is wrapped
    (record,) = summaries(caplog)
    assert record.sendfile is True


@pytest.mark.parametrize(
    "path", ["/", "/__lbheartbeat__", "/__heartbeat__", "/__version__"]
)
# HEAD is left out: the linter refuses the Content-Length of GET, which RFC 9110 allows.
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_linter_of_werkzeug_accepts_both_sides(path: str, method: str) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"a page"]

    inside = LintMiddleware(app)
    wrapped = DockerflowMiddleware(inside, interface="wsgi")
    client = Client(LintMiddleware(wrapped))
    with client.open(path, method=method) as response:
        assert response.status_code in (200, 404, 405)


def test_an_id_header_of_the_application_replaces_the_echo() -> None:
    own = [("X-REQUEST-ID", "its own")]

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", own)
        return [b""]

    application = DockerflowMiddleware(app, echo_request_id=True)
    assert Exchange(application).started == [("200 OK", own)]


def test_an_environ_that_a_server_reuses_has_one_summary_for_each_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    application: Any = DockerflowMiddleware(empty)
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
    for _ in range(3):
        list(application(environ, lambda *args: None))
    assert codes(caplog) == [200, 200, 200]


def test_a_logger_that_raises_is_reported_and_breaks_no_request(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails(level: int) -> bool:
        raise RuntimeError("no levels")

    monkeypatch.setattr(logging.getLogger("request.summary"), "isEnabledFor", fails)
    assert list(Exchange(DockerflowMiddleware(empty)).body) == [b""]
    assert "RuntimeError('no levels')" in capfd.readouterr().err


def test_a_level_set_during_a_request_counts_from_the_next_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logger = logging.getLogger("request.summary")

    def app(environ: Any, start_response: Any) -> list[bytes]:
        logger.setLevel(logging.INFO)
        return empty(environ, start_response)

    application = DockerflowMiddleware(app)
    caplog.set_level(logging.INFO, "request.summary")
    logger.setLevel(logging.CRITICAL)
    for _ in range(2):
        Exchange(application)
    assert codes(caplog) == [200]
