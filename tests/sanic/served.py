"""The application of the servers, with the Redis server whose URL is in a file.

Tests must not import this module: it configures the root logger.
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
# For the start-up record.
logging.getLogger("dockerflow.middleware").setLevel(logging.DEBUG)

app: Any = Sanic("served", configure_logging=False)
app.config.DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE = 503
app.config.RESPONSE_TIMEOUT = 20
redis = sanic_redis(app, Path("redis").read_text())


class Named(Dockerflow):
    """An extension that adds the route to the summaries."""

    def summary_extra(self, request: Any) -> dict[str, Any]:
        """Add the route's name."""
        return {**super().summary_extra(request), "route": request.name}


dockerflow = Named(app, redis=redis)


@app.get("/")
async def index(request: Any) -> HTTPResponse:
    """Return the request id."""
    logging.getLogger("served").info("Asked for a page.")
    summary.add_fields(uid="u1")
    return sanic.response.text(str(request_id_context.get()))


@app.get("/redis")
async def ping(request: Any) -> HTTPResponse:
    """Ping Redis."""
    return sanic.response.json(await request.app.ctx.redis.ping())


@app.head("/head")
async def head(request: Any) -> HTTPResponse:
    """Respond to HEAD."""
    return HTTPResponse(headers={"content-length": "5"})


@app.get("/boom")
async def boom(request: Any) -> HTTPResponse:
    """Raise."""
    raise ValueError("boom")


class Late(BaseException):
    """An exception for which Sanic sends no response."""


@app.get("/late")
async def late(request: Any) -> HTTPResponse:
    """Raise a BaseException."""
    raise Late("late")


@app.get("/teapot")
async def teapot(request: Any) -> HTTPResponse:
    """Raise an exception that Sanic turns into a response."""
    raise SanicException("short and stout", status_code=418)


@app.get("/unavailable")
async def unavailable(request: Any) -> HTTPResponse:
    """Respond with 503."""
    return sanic.response.text("later", status=503)


@app.get("/replaced")
async def replaced(request: Any) -> HTTPResponse:
    """Return a response that a middleware replaces."""
    return sanic.response.text("first")


@app.on_response
async def replace(request: Any, response: Any) -> HTTPResponse | None:
    """Replace one response."""
    if request.path == "/replaced":
        return sanic.response.text("second", status=202)
    return None


@app.get("/stream")
async def stream(request: Any) -> None:
    """Stream with a pause of 0.3 s."""
    response = await request.respond(content_type="text/plain")
    await response.send("one ")
    await asyncio.sleep(0.3)
    await response.send("two")
    await response.eof()


@app.get("/torn")
async def torn(request: Any) -> None:
    """Raise after the first part of a response."""
    response = await request.respond(content_type="text/plain")
    await response.send("one ")
    raise ValueError("torn")


@app.get("/unsent")
async def unsent(request: Any) -> None:
    """Raise after the response is made and before it is sent."""
    await request.respond(content_type="text/plain")
    raise ValueError("unsent")


@app.get("/forever")
async def forever(request: Any) -> None:
    """Stream for some seconds, or until the client disconnects."""
    response = await request.respond(content_type="text/plain")
    for _ in range(300):
        await response.send("more ")
        await asyncio.sleep(0.01)
    await response.eof()


@app.get("/slow")
async def slow(request: Any) -> HTTPResponse:
    """Respond after the client has disconnected."""
    await asyncio.sleep(3)
    return sanic.response.text("late")


@app.get("/file")
async def file(request: Any) -> HTTPResponse:
    """Return this file."""
    return await sanic.response.file(__file__)


@app.get("/file-stream")
async def file_stream(request: Any) -> Any:
    """Stream this file."""
    return await sanic.response.file_stream(__file__)


@app.post("/upload")
async def upload(request: Any) -> HTTPResponse:
    """Return the length of the body."""
    return sanic.response.text(str(len(request.body)))


@app.websocket("/websocket")
async def websocket(request: Any, connection: Any) -> None:
    """Send the request id."""
    await connection.send(str(request_id_context.get()))
