"""Each request sees its own id and summary, on threads, tasks and greenlets."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dockerflow_mw import DockerflowMiddleware, summary
from dockerflow_mw.logging import RequestIdLogFilter, wrap
from dockerflow_mw.request_id import request_id_context

REQUESTS = 10_000


def current_ids() -> tuple[str | None, str]:
    """Return the id of the context and the id of the current summary."""
    current = summary.current()
    return request_id_context.get(), current.rid if current else ""


def environ(number: int) -> dict[str, Any]:
    return {"PATH_INFO": "/", "HTTP_X_REQUEST_ID": str(number)}


def app(environ: Any, start_response: Any) -> Any:
    own = environ["HTTP_X_REQUEST_ID"]
    assert current_ids() == (own, own)
    start_response("200 OK", [])
    yield b"one"
    assert current_ids() == (own, own)
    yield b"two"


def test_each_thread_sees_its_own_request() -> None:
    application: Any = DockerflowMiddleware(app)

    def serve(number: int) -> tuple[str | None, str]:
        body = application(environ(number), lambda *args: None)
        assert list(body) == [b"one", b"two"]
        # Some servers never call close.
        if number % 3:
            body.close()
            assert current_ids() == (None, "")
        return current_ids()

    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(serve, range(REQUESTS)))) == REQUESTS


def test_each_task_and_its_children_see_their_own_request() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        own = scope["headers"][0][1].decode()
        for _ in range(2):
            assert current_ids() == (own, own)
            await asyncio.sleep(0)
        assert await asyncio.gather(*(child() for _ in range(2))) == [(own, own)] * 2
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})
        assert current_ids() == (own, own)

    async def child() -> tuple[str | None, str]:
        await asyncio.sleep(0)
        return current_ids()

    application: Any = DockerflowMiddleware(app)

    async def connection(first: int) -> None:
        # Servers use one task for all requests of a keep-alive connection.
        for number in range(first, REQUESTS, 100):
            headers = [(b"x-request-id", str(number).encode())]
            scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
            await application(scope, None, ignore)
            assert current_ids() == (None, "")

    async def ignore(message: Any) -> None: ...

    async def serve() -> None:
        await asyncio.gather(*(connection(first) for first in range(100)))

    asyncio.run(serve())


GREENLET_PROGRAM = """
from gevent import monkey
monkey.patch_all()
import gevent.pool
from dockerflow_mw import DockerflowMiddleware
from tests.test_isolation import current_ids, environ

def app(environ, start_response):
    own = environ["HTTP_X_REQUEST_ID"]
    start_response("200 OK", [])
    for _ in range(2):
        assert current_ids() == (own, own)
        gevent.sleep(0)
        yield b""

application = DockerflowMiddleware(app)

def serve(number):
    body = application(environ(number), lambda *args: None)
    list(body)
    body.close()
    return current_ids()

print(set(gevent.pool.Pool(100).imap_unordered(serve, range(10000))))
"""


def test_each_greenlet_sees_its_own_request() -> None:
    pytest.importorskip("gevent", reason="gevent is not installed")
    command = [sys.executable, "-c", GREENLET_PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.returncode) == ("{(None, '')}\n", 0)


def test_wrap_carries_the_request_into_a_thread() -> None:
    seen = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        with ThreadPoolExecutor(1) as pool:
            seen.append(pool.submit(current_ids).result())
            jobs = [pool.submit(wrap(current_ids)) for _ in range(2)]
            seen.extend(job.result() for job in jobs)
        return []

    application: Any = DockerflowMiddleware(app)
    application(environ(7), lambda *args: None)
    assert seen == [(None, ""), ("7", "7"), ("7", "7")]


def test_the_filter_adds_the_current_span(monkeypatch: pytest.MonkeyPatch) -> None:
    class Span:
        is_valid = True
        trace_id, span_id = 1, 2

    class Library:
        """A substitute for OpenTelemetry, which is used only if it is imported."""

        @staticmethod
        def get_current_span() -> Any:
            class Current:
                @staticmethod
                def get_span_context() -> Span:
                    return Span()

            return Current

    monkeypatch.setitem(sys.modules, "opentelemetry.trace", Library)
    record: Any = logging.makeLogRecord({})
    RequestIdLogFilter().filter(record)
    assert (record.trace_id, record.span_id) == (f"{1:032x}", f"{2:016x}")
    monkeypatch.setattr(Span, "is_valid", False)
    record = logging.makeLogRecord({})
    RequestIdLogFilter().filter(record)
    assert not hasattr(record, "trace_id")
