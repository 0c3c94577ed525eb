"""What a request that is not ours costs, counted, so that no clock is asked.

The ceilings are what it costs now, and of objects a few more, which come and go with
the interpreter. Who raises one has a reason to tell.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import flask
import pytest

import dockerflow_mw
from dockerflow_mw import DockerflowMiddleware
from dockerflow_mw.flask import Dockerflow
from dockerflow_mw.logging import MozlogFormatter

PACKAGE = str(Path(dockerflow_mw.__file__).parent)

# For the name of the task, which records have from Python 3.12 on, and for JSON by the
# standard library.
MORE = (sys.version_info >= (3, 12)) + (importlib.util.find_spec("orjson") is None)

HEADERS = {"user-agent": "Mozilla/5.0", "accept-language": "de", "x-request-id": "abc"}


class Formats(logging.Handler):
    """Formats each record, and writes it nowhere."""

    def emit(self, record: logging.LogRecord) -> None:
        self.format(record)


@contextlib.contextmanager
def logged(level: int = logging.INFO) -> Iterator[None]:
    """Have summaries formatted by ours, and by none of pytest's own handlers."""
    logger = logging.getLogger("request.summary")
    before = logger.handlers, logger.propagate, logger.level
    handler = Formats()
    handler.setFormatter(MozlogFormatter())
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.handlers, logger.propagate = before[:2]
        logger.setLevel(before[2])


class WSGI:
    """Serves an application that takes down what is alive while it serves."""

    def __init__(self, **options: Any) -> None:
        self.alive = 0
        self.served: Any = DockerflowMiddleware(self.app, **options)

    def app(self, environ: Any, start_response: Any) -> list[bytes]:
        self.alive = sys.getallocatedblocks()
        start_response("200 OK", [])
        return [b"a page"]

    def serve(self) -> None:
        environ = {f"HTTP_{k.upper().replace('-', '_')}": v for k, v in HEADERS.items()}
        environ.update(REQUEST_METHOD="GET", PATH_INFO="/page")
        self.served(environ, lambda *args: None)


class Flask(WSGI):
    """As `WSGI`, with the extension in an application of Flask."""

    def __init__(self) -> None:
        self.served = flask.Flask(__name__)
        self.served.add_url_rule("/page", "page", lambda: "a page")
        Dockerflow(self.served)

    def serve(self) -> None:
        environ = {f"HTTP_{k.upper().replace('-', '_')}": v for k, v in HEADERS.items()}
        self.served.test_client().get("/page", environ_overrides=environ)


class ASGI(WSGI):
    """As `WSGI`."""

    async def app(self, scope: Any, receive: Any, send: Any) -> None:  # type: ignore[override]
        self.alive = sys.getallocatedblocks()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a page"})

    def serve(self) -> None:
        async def send(message: Any) -> None: ...

        headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
        scope = {"type": "http", "method": "GET", "path": "/page", "headers": headers}
        asyncio.run(self.served(scope, None, send))


def calls_of(serve: Callable[[], None]) -> int:
    """Count the calls of this package's functions."""
    count = 0
    serve()

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            count += 1

    sys.setprofile(profile)
    try:
        serve()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(("door", "ceiling"), [(WSGI, 17), (Flask, 21), (ASGI, 17)])
def test_how_many_calls_a_request_takes(door: Any, ceiling: int) -> None:
    served = door()
    with logged():
        assert calls_of(served.serve) <= ceiling + MORE


@pytest.mark.parametrize(("door", "ceiling"), [(WSGI, 9), (Flask, 15), (ASGI, 6)])
def test_how_many_calls_a_request_takes_that_is_not_logged(
    door: Any, ceiling: int
) -> None:
    served = door()
    with logged(logging.CRITICAL):
        assert calls_of(served.serve) <= ceiling


def objects_of(door: Any) -> int:
    """Count what is allocated while the application has a request."""
    served, unwrapped = door(), door()
    unwrapped.served = unwrapped.app
    alive = []
    with logged():
        for each in (served, unwrapped):
            for _ in range(3):
                before = sys.getallocatedblocks()
                each.serve()
            alive.append(each.alive - before)
    return int(alive[0] - alive[1])


@pytest.mark.parametrize(("door", "ceiling"), [("WSGI", 9), ("ASGI", 16)])
def test_how_many_objects_a_request_in_flight_holds(door: str, ceiling: int) -> None:
    # In a process of its own, because what measures the coverage allocates as well.
    code = f"from tests.test_hot_path import *; print(objects_of({door}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        cwd=Path(__file__).parents[1],
    )
    assert int(done.stdout) <= ceiling
