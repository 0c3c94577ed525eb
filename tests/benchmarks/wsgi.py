"""Time that the middleware adds to a WSGI call."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import Any

from dockerflow_mw import DockerflowMiddleware
from tests.benchmarks import logs
from tests.benchmarks.asgi import HEADERS, REQUEST_ID
from tests.benchmarks.measure import Effort, Run, interleaved, repeated, within
from tests.benchmarks.table import Row

ENVIRON = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/page",
    "QUERY_STRING": "",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SERVER_SOFTWARE": "gunicorn",
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "8000",
    "REMOTE_ADDR": "127.0.0.1",
    "REMOTE_PORT": "50000",
    "RAW_URI": "/page",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    **{
        f"HTTP_{name.decode().upper().replace('-', '_')}": value.decode()
        for name, value in (*HEADERS, REQUEST_ID)
    },
}
BODY = io.BytesIO()


def page(environ: Any, start_response: Any) -> list[bytes]:
    """Respond as a small application does."""
    headers = [("Content-Type", "text/plain"), ("Content-Length", "6")]
    start_response("200 OK", headers)
    return [b"a page"]


def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
    """Discard the start of a response."""


def ask(app: Any, environ: Any, start_response: Any = start_response) -> bytes:
    """Serve a request as a server does, and return the body of the response."""
    body = app(dict(environ), start_response)
    try:
        return b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()


def environ_of(path: str) -> dict[str, Any]:
    """Return the environ of a request, as Gunicorn creates it."""
    path, _, query = path.partition("?")
    asked = {"PATH_INFO": path, "QUERY_STRING": query, "wsgi.input": BODY}
    return {**ENVIRON, **asked}


def calls(app: Any, path: str = "/page") -> Run:
    """Return a candidate that calls an application, which must respond with 200."""
    environ, statuses = environ_of(path), []
    ask(app, environ, lambda status, *_: statuses.append(status))
    if statuses != ["200 OK"]:
        raise ValueError(f"{path} has the status {statuses}.")
    return repeated(lambda: ask(app, environ))


def rows(effort: Effort) -> Iterator[Row]:
    """Yield the rows of this topic."""
    mine, path = DockerflowMiddleware(page), "/__lbheartbeat__"
    samples = interleaved(
        {
            "bare": calls(page),
            "written": within(logs.ours, calls(mine)),
            "handler": within(logs.our_handler, calls(mine)),
            "disabled": within(logs.disabled, calls(mine)),
            "lbheartbeat": within(logs.ours, calls(mine, path)),
        },
        effort,
    )
    for measure, name in {
        "WSGI, a summary written": "written",
        "WSGI, a summary written, by our MozlogHandler": "handler",
        "WSGI, the summary logger disabled": "disabled",
        "WSGI, lbheartbeat": "lbheartbeat",
    }.items():
        yield samples.row(measure, ours=name, theirs=None)
