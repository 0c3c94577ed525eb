"""Memory that a package adds to a concurrent request."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

from asgi_correlation_id import CorrelationIdMiddleware
from dockerflow.fastapi import middleware as peer

from dockerflow_mw import DockerflowMiddleware
from tests.benchmarks import asgi, logs, wsgi
from tests.benchmarks.measure import PEER, Effort, runner
from tests.benchmarks.table import Row

IN_FLIGHT = 500


def rows(effort: Effort) -> Iterator[Row]:
    """Yield the rows of this topic; the effort makes no difference."""
    with logs.ours():
        bare = _asgi(lambda app: app)
        mine = _asgi(DockerflowMiddleware)
        theirs = {
            PEER: _asgi(_pair) - bare,
            "asgi-correlation-id": _asgi(CorrelationIdMiddleware) - bare,
        }
        for name, added in theirs.items():
            row = _row("ASGI", mine - bare, bare, _bytes(added), name)
            yield row.judged([(mine - bare) / added], None)
        bare = _wsgi(lambda app: app)
        yield _row("WSGI", _wsgi(DockerflowMiddleware) - bare, bare)


def _row(
    interface: str, ours: float, bare: float, theirs: str = "", beside: str = ""
) -> Row:
    measure = f"{interface}, memory of a concurrent request"
    return Row(measure, _bytes(bare), _bytes(ours), theirs, beside)


def _bytes(number: float) -> str:
    return f"{number:.0f} bytes"


def _pair(app: Any) -> Any:
    logged = peer.MozlogRequestSummaryLogger
    return logged(peer.RequestIdMiddleware(app), logs.logger)


def _asgi(wrap: Callable[[Any], Any]) -> float:
    return runner().run(_in_flight(wrap))


async def _in_flight(wrap: Callable[[Any], Any]) -> float:
    # Each request has a task and a scope, and waits after the start of its response.
    # The first request is not counted: it makes objects that all requests share.
    waiting = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await waiting.wait()
        await send({"type": "http.response.body", "body": b"a page"})

    served = wrap(app)

    def ask() -> asyncio.Task[None]:
        scope = asgi.scope_of("/page", [*asgi.HEADERS, asgi.REQUEST_ID])
        return asyncio.ensure_future(served(scope, asgi.receive, asgi.send))

    tasks = [ask()]
    await asyncio.sleep(0)
    tracemalloc.start()
    tasks += [ask() for _ in range(IN_FLIGHT)]
    await asyncio.sleep(0)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    waiting.set()
    await asyncio.gather(*tasks)
    return held / IN_FLIGHT


def _wsgi(wrap: Callable[[Any], Any]) -> float:
    held = 0

    def app(environ: Any, start_response: Any) -> list[bytes]:
        nonlocal held
        start_response("200 OK", [])
        held, _ = tracemalloc.get_traced_memory()
        return [b"a page"]

    served = wrap(app)
    environ = wsgi.environ_of("/page")
    wsgi.ask(served, environ)
    tracemalloc.start()
    wsgi.ask(served, environ)
    tracemalloc.stop()
    return held
