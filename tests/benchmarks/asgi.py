"""Time that a package adds to an ASGI call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asgi_correlation_id import CorrelationIdMiddleware
from dockerflow.fastapi import middleware as peer
from starlette.applications import Starlette

from dockerflow_mw import DockerflowMiddleware
from dockerflow_mw.fastapi import middleware as pair
from tests.benchmarks import logs
from tests.benchmarks.measure import (
    PEER,
    Effort,
    Run,
    awaited,
    interleaved,
    runner,
    within,
)
from tests.benchmarks.table import BOUNDS, Row

HEADERS = [
    (b"host", b"service.example.org"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101"),
    (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    (b"accept-language", b"de,en-US;q=0.7,en;q=0.3"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"x-forwarded-for", b"203.0.113.7"),
]
# asgi-correlation-id replaces every id that is no UUID.
REQUEST_ID = (b"x-request-id", b"3f2b8c1d9e7a4f6b8d0c2e4a6b8c0d1e")


class State:
    """An application with the state that python-dockerflow reads."""

    state = Starlette().state


def scope_of(path: str, headers: Any) -> dict[str, Any]:
    """Return the scope of a request, as Uvicorn and Starlette create it."""
    path, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
        "scheme": "http",
        "method": "GET",
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": headers,
        "state": {},
        "app": State,
    }


async def page(scope: Any, receive: Any, send: Any) -> None:
    """Respond as a small application does."""
    # asgi-correlation-id changes the list, so each response needs its own.
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"6")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"a page"})


async def receive() -> dict[str, Any]:
    """Return the last message of a request without a body."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Any) -> None:
    """Discard a message."""


def calls(app: Any, path: str = "/page", *, with_id: bool = True) -> Run:
    """Return a candidate that calls an application, which must respond with 200."""
    headers = [*HEADERS, REQUEST_ID] if with_id else HEADERS
    scope = scope_of(path, headers)
    runner().run(answered(app, scope, receive))
    return awaited(lambda: app(dict(scope), receive, send))


async def answered(app: Any, scope: Any, receive: Any) -> None:
    """Send a request to an application.

    Raises:
        ValueError: the status of the response is not 200.
    """
    statuses: list[Any] = []

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 200))

    await app(dict(scope), receive, send)
    if set(statuses) != {200}:
        raise ValueError(f"{scope['path']} has the status {statuses}.")


def rows(effort: Effort) -> Iterator[Row]:
    """Yield the rows of this topic."""
    yield from _written(effort)
    yield from _disabled(effort)
    yield _lbheartbeat(effort)


def _written(effort: Effort) -> Iterator[Row]:
    mine = DockerflowMiddleware(page)
    theirs = peer.MozlogRequestSummaryLogger(
        peer.RequestIdMiddleware(page), logs.logger
    )
    ours_too = pair.MozlogRequestSummaryLogger(pair.RequestIdMiddleware(page))
    samples = interleaved(
        {
            "bare": calls(page),
            "ours": within(logs.ours, calls(mine)),
            "ours, the pair": within(logs.ours, calls(ours_too)),
            PEER: within(logs.theirs, calls(theirs)),
            "ours, handler": within(logs.our_handler, calls(mine)),
            "their handler": within(logs.their_handler, calls(theirs)),
            "ours, new id": within(logs.ours, calls(mine, with_id=False)),
            "their new id": within(logs.theirs, calls(theirs, with_id=False)),
        },
        effort,
    )
    what = "ASGI, a summary written"
    yield samples.row(what, bound=BOUNDS[what])
    yield samples.row(f"{what}, by our FastAPI pair", ours="ours, the pair")
    for rest, (ours, others) in {
        "by each one's MozlogHandler": ("ours, handler", "their handler"),
        "without an id in the request": ("ours, new id", "their new id"),
    }.items():
        yield samples.row(f"{what}, {rest}", ours=ours, theirs=others, beside=PEER)


def _disabled(effort: Effort) -> Iterator[Row]:
    name = "asgi-correlation-id"
    mine, echoing = (
        DockerflowMiddleware(page, echo_request_id=echo) for echo in (False, True)
    )
    samples = interleaved(
        {
            "bare": calls(page),
            "ours": within(logs.disabled, calls(mine)),
            "echoing": within(logs.disabled, calls(echoing)),
            name: calls(CorrelationIdMiddleware(page)),
        },
        effort,
    )
    what = "ASGI, the summary logger disabled"
    yield samples.row(what, theirs=name, bound=BOUNDS[what])
    yield samples.row(f"{what}, the id echoed", ours="echoing", theirs=name)


def _lbheartbeat(effort: Effort) -> Row:
    path = "/__lbheartbeat__"
    candidates = {
        "bare": calls(page, path),
        "ours": within(logs.ours, calls(DockerflowMiddleware(page), path)),
    }
    samples = interleaved(candidates, effort)
    return samples.row("ASGI, lbheartbeat", theirs=None)
