"""The wrapped applications that real servers serve.

A server imports `wsgi` or `asgi`. ``python -m tests.served PORT`` serves `wsgi` with
the standard library. A test must not import this module: it configures the root
logger. A test controls the process by files in its working directory:

``broken``
    The check ``fragile`` fails while this file exists.
``read-stream``
    The client makes this file after the first chunk of ``/stream``.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import make_server

from dockerflow_mw import DockerflowMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

BROKEN = Path("broken")
READ = Path("read-stream")
READ_WITHIN = 10.0

PAGE = b"an ordinary page"
CHUNKS = (b"one ", b"two ", b"three")
BUFFERED = b"was buffered"

logger = logging.getLogger("served")


def works() -> None:
    """Pass, as a sync check."""


async def works_async() -> None:
    """Pass, as an async check."""
    await asyncio.sleep(0)


def fragile() -> str | None:
    """Fail while the file ``broken`` exists."""
    return "The file exists." if BROKEN.exists() else None


CHECKS = (works, works_async, fragile)


def wsgi_app(
    environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Serve the pages."""
    logger.info("Serving a page.")
    path = environ["PATH_INFO"]
    if path == "/boom":
        raise RuntimeError("boom")
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return wsgi_stream()
    length = ("Content-Length", str(len(PAGE)))
    start_response("200 OK", [("Content-Type", "text/plain"), length])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [PAGE]


def wsgi_stream() -> Iterator[bytes]:
    """Yield the first chunk, and the others after the client received it."""
    first, *others = CHUNKS
    yield first
    deadline = time.monotonic() + READ_WITHIN
    while not READ.exists():
        if time.monotonic() > deadline:
            yield BUFFERED
            return
        time.sleep(0.01)
    yield from others


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    """Serve the pages and the lifespan."""
    if scope["type"] == "lifespan":
        await asgi_lifespan(receive, send)
        return
    logger.info("Serving a page.")
    if scope["path"] == "/boom":
        raise RuntimeError("boom")
    headers = [(b"content-type", b"text/plain")]
    if scope["path"] != "/stream":
        headers.append((b"content-length", str(len(PAGE)).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["path"] == "/stream":
        await asgi_stream(send)
    else:
        body = b"" if scope["method"] == "HEAD" else PAGE
        await send({"type": "http.response.body", "body": body})


async def asgi_stream(send: Any) -> None:
    """Send the first chunk, and the others after the client received it."""
    first, *others = CHUNKS
    await send({"type": "http.response.body", "body": first, "more_body": True})
    try:
        async with asyncio.timeout(READ_WITHIN):
            while not READ.exists():  # noqa: ASYNC110, ASYNC240 - a file has no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        others = [BUFFERED]
    for chunk in others:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body"})


async def asgi_lifespan(receive: Any, send: Any) -> None:
    """Confirm the start and the shutdown."""
    for event in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{event}.complete"})


wsgi = DockerflowMiddleware(
    wsgi_app, configure_logging=True, checks=CHECKS, log_probes="all"
)
asgi = DockerflowMiddleware(
    asgi_app, configure_logging=True, checks=CHECKS, log_probes="all"
)

if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), wsgi).serve_forever()
