from __future__ import annotations

import contextlib
import contextvars
import gc
import io
import logging
import weakref
from collections.abc import Iterator
from typing import Any
from wsgiref.handlers import SimpleHandler
from wsgiref.util import setup_testing_defaults

import pytest
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.test import Client

from dockerflow_mw import DockerflowMiddleware, summary
from dockerflow_mw.request_id import request_id_context


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def codes(caplog: pytest.LogCaptureFixture) -> list[int]:
    return [r.code for r in caplog.records if r.name == "request.summary"]  # type: ignore[attr-defined]


class Served:
    """What a server made of one request; PEP 3333 by hand."""

    def __init__(self, app: Any, path: str = "/") -> None:
        self.started: list[Any] = []
        self.written: list[bytes] = []
        environ: dict[str, Any] = {"PATH_INFO": path}
        setup_testing_defaults(environ)
        self.body = app(environ, self.start_response)

    def start_response(self, *args: Any) -> Any:
        self.started.append(args)
        return self.written.append


def test_the_body_s_close_ends_the_request_exactly_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Body:
        closed = 0

        def __iter__(self) -> Iterator[bytes]:
            yield b"a"
            yield b"b"

        def close(self) -> None:
            self.closed += 1

    inner = Body()

    def app(environ: Any, start_response: Any) -> Body:
        start_response("200 OK", [])
        return inner

    served = Served(DockerflowMiddleware(app))
    iterator = iter(served.body)
    assert next(iterator) == b"a"
    assert codes(caplog) == []
    assert list(iterator) == [b"b"]
    assert codes(caplog) == [200]
    served.body.close()
    assert (codes(caplog), inner.closed) == ([200], 1)


def test_a_body_that_is_never_iterated_is_a_request_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("304 Not Modified", [])
        return iter([b"unread"])

    Served(DockerflowMiddleware(app)).body.close()
    assert codes(caplog) == [304]


@pytest.mark.parametrize("body", [[], [b"a", b"b"], (b"a",), b"bytes", "text", None])
def test_a_body_that_is_there_as_a_whole_is_given_as_it_is(
    caplog: pytest.LogCaptureFixture, body: Any
) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return body

    assert Served(DockerflowMiddleware(app)).body is body
    assert codes(caplog) == [200]


def test_an_application_may_start_its_response_late(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("201 Created", [])
        yield b"late"

    served = Served(DockerflowMiddleware(app))
    assert served.started == []
    assert list(served.body) == [b"late"]
    assert served.started == [("201 Created", [])]
    assert codes(caplog) == [201]


def test_an_exception_in_the_body_keeps_the_code_that_was_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"first"
        raise ValueError("torn")

    served = Served(DockerflowMiddleware(app))
    iterator = iter(served.body)
    next(iterator)
    with pytest.raises(ValueError, match="torn"):
        next(iterator)
    served.body.close()
    (record,) = (r for r in caplog.records if r.name == "request.summary")
    told: Any = record
    assert (told.code, told.errno, told.levelno) == (200, 500, logging.ERROR)
    assert told.error == "ValueError('torn')"


def test_an_exception_in_close_is_seen(caplog: pytest.LogCaptureFixture) -> None:
    class Body(list[bytes]):
        def close(self) -> None:
            raise ValueError("no")

    def app(environ: Any, start_response: Any) -> Body:
        start_response("200 OK", [])
        return Body()

    with pytest.raises(ValueError, match="no"):
        Served(DockerflowMiddleware(app)).body.close()
    assert codes(caplog) == [200]
    assert request_id_context.get() is None


def test_a_second_start_response_counts_and_write_is_the_server_s(
    caplog: pytest.LogCaptureFixture,
) -> None:
    info: Any = (ValueError, ValueError(), None)

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("A", "1")])
        write = start_response("500 Oh No", [], exc_info=info)
        write(b"written")
        return []

    served = Served(DockerflowMiddleware(app))
    assert served.started == [("200 OK", [("A", "1")]), ("500 Oh No", [], info)]
    assert served.written == [b"written"]
    assert codes(caplog) == [500]


@pytest.mark.parametrize("status", ["", "abc", "2", None])
def test_a_bad_status_is_the_server_s_to_refuse(status: Any) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response(status, [])
        return []

    assert Served(DockerflowMiddleware(app)).started == [(status, [])]


def test_a_body_of_one_chunk_still_gets_its_content_length() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"four"]

    out = io.BytesIO()
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    handler = SimpleHandler(io.BytesIO(), out, io.StringIO(), environ)
    handler.run(DockerflowMiddleware(app))
    assert b"Content-Length: 4\r\n" in out.getvalue()
    streamed = Served(DockerflowMiddleware(lambda e, s: iter(())))
    assert not hasattr(streamed.body, "__len__")


def stream(environ: Any, start_response: Any) -> Iterator[bytes]:
    assert request_id_context.get()
    start_response("200 OK", [])
    yield b"a"
    yield b"b"


def test_a_request_leaves_nothing_on_its_thread() -> None:
    served = Served(DockerflowMiddleware(stream))
    assert summary.current() is not None
    list(served.body)
    served.body.close()
    assert (request_id_context.get(), summary.current()) == (None, None)


def test_what_was_there_before_a_request_is_there_again_after_it() -> None:
    request_id_context.set("outside")
    try:
        served = Served(DockerflowMiddleware(stream))
        assert request_id_context.get() != "outside"
        list(served.body)
        served.body.close()
        assert request_id_context.get() == "outside"
    finally:
        request_id_context.set(None)


def left_open(body: Any) -> None:
    pass


def read(body: Any) -> None:
    list(body)


def read_in_part(body: Any) -> None:
    next(body)


def read_and_closed(body: Any) -> None:
    list(body)
    body.close()


@pytest.mark.parametrize("use", [left_open, read_in_part, read, read_and_closed])
@pytest.mark.parametrize("raises", [False, True])
def test_a_request_within_a_request_gives_the_outer_one_back(
    caplog: pytest.LogCaptureFixture, use: Any, raises: bool
) -> None:
    kept, seen = [], []

    def chunks() -> Iterator[bytes]:
        seen.append((summary.current(), request_id_context.get()))
        yield b"one"
        seen.append((summary.current(), request_id_context.get()))
        if raises:
            raise ValueError("torn")

    def streams(environ: Any, start_response: Any) -> Iterator[bytes]:
        seen.append((summary.current(), request_id_context.get()))
        start_response("200 OK", [])
        return chunks()

    inner = DockerflowMiddleware(streams)

    def app(environ: Any, start_response: Any) -> list[bytes]:
        before = (summary.current(), request_id_context.get())
        kept.append(Served(inner))
        assert (summary.current(), request_id_context.get()) == before
        with contextlib.suppress(ValueError):
            use(kept[0].body)
        assert (summary.current(), request_id_context.get()) == before
        assert before not in seen
        assert len(set(seen)) == 1
        start_response("201 Created", [])
        return []

    Served(DockerflowMiddleware(app))
    assert (summary.current(), request_id_context.get()) == (None, None)
    # As somebody does who has it from another request.
    with contextlib.suppress(ValueError):
        read_and_closed(kept[0].body)
    assert (summary.current(), request_id_context.get()) == (None, None)
    assert sorted(codes(caplog)) == [200, 201]


def test_a_request_that_never_ended_is_not_given_back() -> None:
    application = DockerflowMiddleware(stream)
    unclosed = Served(application)
    list(unclosed.body)
    assert request_id_context.get() is not None
    served = Served(application)
    served.body.close()
    assert (summary.current(), request_id_context.get()) == (None, None)


def test_the_outer_of_two_middlewares_sees_to_the_record(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inner = DockerflowMiddleware(stream)

    def between(environ: Any, start_response: Any) -> Any:
        return inner(environ, start_response)

    served = Served(DockerflowMiddleware(between))
    list(served.body)
    served.body.close()
    assert codes(caplog) == [200]


def test_a_body_may_be_closed_in_another_context(
    caplog: pytest.LogCaptureFixture,
) -> None:
    served = Served(DockerflowMiddleware(stream))
    contextvars.Context().run(served.body.close)
    assert codes(caplog) == [500]
    # What is left here is left to nobody.
    Served(DockerflowMiddleware(stream)).body.close()
    assert (summary.current(), request_id_context.get()) == (None, None)


def test_a_body_that_is_not_read_to_its_end_has_lost_its_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    served = Served(DockerflowMiddleware(stream))
    next(served.body)
    served.body.close()
    (record,) = (r for r in caplog.records if r.name == "request.summary")
    told: Any = record
    assert (told.code, told.disconnected, told.levelno) == (200, True, logging.INFO)


def test_a_body_that_is_never_closed_is_told_of_as_incomplete(
    caplog: pytest.LogCaptureFixture,
) -> None:
    served = Served(DockerflowMiddleware(stream))
    next(served.body)
    del served
    # The generator knows the server's function, and that the body.
    gc.collect()
    (record,) = (r for r in caplog.records if r.name == "request.summary")
    told: Any = record
    assert (told.code, told.incomplete) == (200, True)
    Served(DockerflowMiddleware(stream)).body.close()


def test_a_body_that_is_read_and_never_closed_leaves_nothing_when_it_is_gone() -> None:
    served = Served(DockerflowMiddleware(stream))
    list(served.body)
    del served
    gc.collect()
    assert (summary.current(), request_id_context.get()) == (None, None)


def test_what_is_no_exception_and_raised_by_logging_leaves_no_request(
    late_logging: type[BaseException],
) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return []

    with pytest.raises(late_logging):
        Served(DockerflowMiddleware(app))
    assert (summary.current(), request_id_context.get()) == (None, None)


@pytest.mark.parametrize("path", ["/__lbheartbeat__", "/__version__"])
def test_a_probe_that_an_inner_middleware_answers_is_one_to_the_outer_one(
    caplog: pytest.LogCaptureFixture, path: str
) -> None:
    inner = DockerflowMiddleware(stream)

    def mounted(environ: Any, start_response: Any) -> Any:
        _, _, environ["PATH_INFO"] = environ["PATH_INFO"].partition("/inner")
        return inner(environ, start_response)

    application = DockerflowMiddleware(mounted, log_probes="none")
    served = Served(application, f"/inner{path}")
    assert served.started
    assert codes(caplog) == []


class FileWrapper:
    def __init__(self, file: io.BytesIO) -> None:
        self.file = file

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.file)


@pytest.mark.parametrize("wrapper", [FileWrapper, lambda file: file])
def test_a_file_is_given_as_it_is_so_that_the_server_sends_it(
    caplog: pytest.LogCaptureFixture, wrapper: Any
) -> None:
    wrapped = wrapper(io.BytesIO(b"content"))

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return wrapped

    environ = {"PATH_INFO": "/", "wsgi.file_wrapper": wrapper}
    application: Any = DockerflowMiddleware(app)
    assert application(environ, lambda status, headers: None) is wrapped
    (record,) = (r for r in caplog.records if r.name == "request.summary")
    assert record.sendfile is True  # type: ignore[attr-defined]


def test_an_exception_keeps_no_request_alive() -> None:
    class Held:
        pass

    def app(environ: Any, start_response: Any) -> Any:
        raise ValueError(environ["held"])

    def ask() -> weakref.ref[Held]:
        held = Held()
        application: Any = DockerflowMiddleware(app)
        with contextlib.suppress(ValueError):
            application({"held": held}, lambda *args: None)
        return weakref.ref(held)

    gc.collect()
    gc.disable()
    try:
        assert ask()() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "path", ["/", "/__lbheartbeat__", "/__heartbeat__", "/__version__"]
)
# Not HEAD, for which the linter takes the length of GET, rightly there, as wrong.
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_werkzeug_s_linter_finds_nothing(path: str, method: str) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else b"a page"]

    inside = LintMiddleware(app)
    wrapped = DockerflowMiddleware(inside, interface="wsgi")
    client = Client(LintMiddleware(wrapped))
    with client.open(path, method=method) as response:
        assert response.status_code in (200, 404, 405)


def test_an_id_that_the_application_has_set_is_not_echoed_beside_it() -> None:
    own = [("X-REQUEST-ID", "its own")]

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", own)
        return [b""]

    started: list[Any] = []
    application: Any = DockerflowMiddleware(app, echo_request_id=True)
    application({"REQUEST_METHOD": "GET"}, lambda *args: started.extend(args))
    assert started == ["200 OK", own]


def test_an_environ_that_a_server_uses_again_has_a_record_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b""]

    application: Any = DockerflowMiddleware(app)
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
    for _ in range(3):
        list(application(environ, lambda *args: None))
    assert codes(caplog) == [200, 200, 200]


def test_a_write_that_fails_has_lost_its_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)

    def broken(data: bytes) -> None:
        raise BrokenPipeError

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])(b"written")
        return []

    application: Any = DockerflowMiddleware(app)
    with pytest.raises(BrokenPipeError):
        application({"REQUEST_METHOD": "GET"}, lambda *args: broken)
    (record,) = (r for r in caplog.records if r.name == "request.summary")
    assert (vars(record)["disconnected"], record.levelno) == (True, logging.INFO)


def test_a_body_that_is_never_closed_leaves_no_id_behind() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"one"

    application: Any = DockerflowMiddleware(app)
    body = application({"REQUEST_METHOD": "GET"}, lambda *args: None)
    next(body)
    del body
    assert (request_id_context.get(), summary.current()) == (None, None)


def test_bodies_that_are_served_in_turns_leave_no_id_behind() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"one"

    application: Any = DockerflowMiddleware(app)
    first, second = (
        application({"REQUEST_METHOD": "GET"}, lambda *args: None) for _ in range(2)
    )
    for body in (first, second):
        list(body)
    first.close()
    second.close()
    assert (request_id_context.get(), summary.current()) == (None, None)


def test_a_logger_that_fails_breaks_no_request(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails(level: int) -> bool:
        raise RuntimeError("no levels")

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"a page"]

    monkeypatch.setattr(logging.getLogger("request.summary"), "isEnabledFor", fails)
    application: Any = DockerflowMiddleware(app)
    environ = {"PATH_INFO": "/", "REQUEST_METHOD": "GET"}
    assert list(application(environ, lambda *args: None)) == [b"a page"]
    assert "RuntimeError('no levels')" in capfd.readouterr().err


def test_a_request_that_nobody_looked_at_is_not_told_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logger = logging.getLogger("request.summary")

    def app(environ: Any, start_response: Any) -> list[bytes]:
        logger.setLevel(logging.INFO)
        start_response("200 OK", [])
        return [b""]

    application: Any = DockerflowMiddleware(app)
    caplog.set_level(logging.INFO, "request.summary")
    logger.setLevel(logging.CRITICAL)
    for _ in range(2):
        application({"PATH_INFO": "/", "REQUEST_METHOD": "GET"}, lambda *args: None)
    records = [r for r in caplog.records if r.name == "request.summary"]
    assert [vars(record)["code"] for record in records] == [200]
