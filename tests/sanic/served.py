"""What the servers serve: a Sanic application over the Redis server of a file's URL.

A test must not import this module, for it sets the root logger up.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import sanic.response
from sanic import HTTPResponse, Sanic, SanicException

from dockerflow_mw import summary
from dockerflow_mw.logging import configure_logging, request_id_context
from dockerflow_mw.sanic import Dockerflow
from tests.sanic.clients import sanic_redis

configure_logging(logger_name="served")

app: Any = Sanic("served", configure_logging=False)
app.config.DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE = 503
app.config.RESPONSE_TIMEOUT = 20
redis = sanic_redis(app, Path("redis").read_text())


class Named(Dockerflow):
    """Says in the summaries which route a request had."""

    def summary_extra(self, request: Any) -> dict[str, Any]:
        """Add the route's name."""
        return {**super().summary_extra(request), "route": request.name}


dockerflow = Named(app, redis=redis)


@app.get("/")
async def index(request: Any) -> HTTPResponse:
    """Give the request's id."""
    logging.getLogger("served").info("Asked for a page.")
    summary.add_fields(uid="u1")
    return sanic.response.text(str(request_id_context.get()))


@app.get("/redis")
async def ping(request: Any) -> HTTPResponse:
    """Ask Redis."""
    return sanic.response.json(await request.app.ctx.redis.ping())


@app.head("/head")
async def head(request: Any) -> HTTPResponse:
    """Answer HEAD."""
    return HTTPResponse(headers={"content-length": "5"})


@app.get("/boom")
async def boom(request: Any) -> HTTPResponse:
    """Raise."""
    raise ValueError("boom")


class Late(BaseException):
    """What Sanic has no answer for."""


@app.get("/late")
async def late(request: Any) -> HTTPResponse:
    """Raise what is no exception."""
    raise Late("late")


@app.get("/teapot")
async def teapot(request: Any) -> HTTPResponse:
    """Raise what Sanic makes a response of."""
    raise SanicException("short and stout", status_code=418)


@app.get("/unavailable")
async def unavailable(request: Any) -> HTTPResponse:
    """Answer 503."""
    return sanic.response.text("later", status=503)


@app.get("/replaced")
async def replaced(request: Any) -> HTTPResponse:
    """Answer what a middleware replaces."""
    return sanic.response.text("first")


@app.on_response
async def replace(request: Any, response: Any) -> HTTPResponse | None:
    """Replace one response."""
    if request.path == "/replaced":
        return sanic.response.text("second", status=202)
    return None


@app.get("/stream")
async def stream(request: Any) -> None:
    """Stream, in the time that is waited in between."""
    response = await request.respond(content_type="text/plain")
    await response.send("one ")
    await asyncio.sleep(0.3)
    await response.send("two")
    await response.eof()


@app.get("/torn")
async def torn(request: Any) -> None:
    """Raise after the beginning of a response."""
    response = await request.respond(content_type="text/plain")
    await response.send("one ")
    raise ValueError("torn")


@app.get("/forever")
async def forever(request: Any) -> None:
    """Stream until the client goes away, or for some seconds."""
    response = await request.respond(content_type="text/plain")
    for _ in range(300):
        await response.send("more ")
        await asyncio.sleep(0.01)
    await response.eof()


@app.get("/slow")
async def slow(request: Any) -> HTTPResponse:
    """Answer when the client is long gone."""
    await asyncio.sleep(3)
    return sanic.response.text("late")


@app.get("/file")
async def file(request: Any) -> HTTPResponse:
    """Give this file."""
    return await sanic.response.file(__file__)


@app.get("/file-stream")
async def file_stream(request: Any) -> Any:
    """Stream this file."""
    return await sanic.response.file_stream(__file__)


@app.post("/upload")
async def upload(request: Any) -> HTTPResponse:
    """Give the length of the body."""
    return sanic.response.text(str(len(request.body)))


@app.websocket("/websocket")
async def websocket(request: Any, connection: Any) -> None:
    """Send the request's id."""
    await connection.send(str(request_id_context.get()))
