"""The current request on the thread of a WSGI server."""

from __future__ import annotations

import contextlib
import contextvars
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from dockerflow_mw import DockerflowMiddleware, summary
from dockerflow_mw.request_id import request_id_context
from tests.logs import codes
from tests.protocols.serving import Exchange


def current() -> tuple[summary.Summary | None, str | None]:
    """Return the summary and the id of the current request."""
    return summary.current(), request_id_context.get()


def stream(environ: Any, start_response: Any) -> Iterator[bytes]:
    assert request_id_context.get()
    start_response("200 OK", [])
    yield b"a"
    yield b"b"


def keep_open(body: Any) -> None:
    pass


def read_in_part(body: Any) -> None:
    next(body)


def read(body: Any) -> None:
    list(body)


def read_and_close(body: Any) -> None:
    list(body)
    body.close()


def test_an_id_set_before_the_request_is_restored_after_it() -> None:
    request_id_context.set("outside")
    try:
        exchange = Exchange(DockerflowMiddleware(stream))
        assert request_id_context.get() != "outside"
        read_and_close(exchange.body)
        assert request_id_context.get() == "outside"
    finally:
        request_id_context.set(None)


@pytest.mark.parametrize("use", [keep_open, read_in_part, read, read_and_close])
@pytest.mark.parametrize("raises", [False, True])
def test_a_nested_request_restores_the_outer_one(
    caplog: pytest.LogCaptureFixture, use: Any, raises: bool
) -> None:
    nested, seen = [], []

    def chunks() -> Iterator[bytes]:
        seen.append(current())
        yield b"one"
        seen.append(current())
        if raises:
            raise ValueError("boom")

    def streams(environ: Any, start_response: Any) -> Iterator[bytes]:
        seen.append(current())
        start_response("200 OK", [])
        return chunks()

    inner = DockerflowMiddleware(streams)

    def app(environ: Any, start_response: Any) -> list[bytes]:
        before = current()
        nested.append(Exchange(inner))
        assert current() == before
        with contextlib.suppress(ValueError):
            use(nested[0].body)
        assert current() == before
        assert before not in seen
        assert len(set(seen)) == 1
        start_response("201 Created", [])
        return []

    Exchange(DockerflowMiddleware(app))
    assert current() == (None, None)
    # The application may keep the body beyond its own request.
    with contextlib.suppress(ValueError):
        read_and_close(nested[0].body)
    assert current() == (None, None)
    assert sorted(codes(caplog)) == [200, 201]


def test_the_next_request_clears_one_that_was_never_closed() -> None:
    application = DockerflowMiddleware(stream)
    unclosed = Exchange(application)
    list(unclosed.body)
    assert request_id_context.get() is not None
    Exchange(application).body.close()
    assert current() == (None, None)


@pytest.mark.parametrize("use", [read_in_part, read])
def test_deleting_an_unclosed_body_clears_the_current_request(use: Any) -> None:
    application: Any = DockerflowMiddleware(stream)
    body = application({"REQUEST_METHOD": "GET"}, lambda *args: None)
    use(body)
    del body
    assert current() == (None, None)


def test_a_body_closed_in_another_context_is_logged_and_cleared_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    exchange = Exchange(DockerflowMiddleware(stream))
    contextvars.Context().run(exchange.body.close)
    # The generator never ran, so the application sent no status.
    assert codes(caplog) == [500]
    Exchange(DockerflowMiddleware(stream)).body.close()
    assert current() == (None, None)


def test_interleaved_bodies_leave_no_current_request() -> None:
    application = DockerflowMiddleware(stream)
    first, second = Exchange(application), Exchange(application)
    for exchange in (first, second):
        list(exchange.body)
    first.body.close()
    second.body.close()
    assert current() == (None, None)


def test_a_base_exception_of_logging_leaves_no_current_request(
    logging_timeout: type[BaseException],
) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return []

    with pytest.raises(logging_timeout):
        Exchange(DockerflowMiddleware(app))
    assert current() == (None, None)


def test_an_exception_keeps_no_reference_to_the_environ() -> None:
    class Value:
        pass

    def app(environ: Any, start_response: Any) -> Any:
        raise ValueError(environ["value"])

    def serve() -> weakref.ref[Value]:
        value = Value()
        application: Any = DockerflowMiddleware(app)
        with contextlib.suppress(ValueError):
            application({"value": value}, lambda *args: None)
        return weakref.ref(value)

    gc.collect()
    gc.disable()
    try:
        assert serve()() is None
    finally:
        gc.enable()
