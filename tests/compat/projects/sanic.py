"""The service in Sanic."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sanic import HTTPResponse, Sanic, SanicException
from sanic.response import ResponseStream, text

from tests.compat.exchange import Answer, asked, register
from tests.sanic.door import Asked, Quiet

REQUESTS = (
    asked("/handled"),
    asked("/__error__", "HEAD"),
    asked("/__heartbeat__", "POST"),
)


def make(
    package: str, folder: Path, configure_logging: Callable[[], None] | None = None
) -> Callable[[str, str, Mapping[str, str]], Answer]:
    """Make the service, and return the function that sends a request.

    Args:
        package: the package.
        folder: the folder that holds version.json.
        configure_logging: a function to call between the making and the start.
    """
    register(importlib.import_module(f"{package}.checks"))
    app: Any = Sanic("compat", configure_logging=False, error_handler=Quiet())
    app.config.update({"TOUCHUP": False, "MOTD": False})
    app.config.DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE = 503
    app.config.DOCKERFLOW_SUMMARY_LOG_QUERYSTRING = True
    extension = importlib.import_module(f"{package}.sanic").Dockerflow
    extension(app, version_path=str(folder))
    _add_pages(app)
    service = Asked(app)
    if configure_logging:
        configure_logging()
    # Start now: the records of the start belong to no exchange.
    asyncio.run(service.start())

    def ask(method: str, path: str, headers: Mapping[str, str]) -> Answer:
        plain, _, query = path.partition("?")
        got = service.ask(plain, method, headers=headers, query=query.encode())
        return Answer(got.status, got.headers, got.body)

    return ask


def _add_pages(app: Any) -> None:
    @app.get("/")
    async def index(request: Any) -> HTTPResponse:
        return text("a page")

    @app.get("/teapot")
    async def teapot(request: Any) -> HTTPResponse:
        raise SanicException("short and stout", status_code=418)

    @app.get("/unavailable")
    async def unavailable(request: Any) -> HTTPResponse:
        return text("later", status=503)

    @app.get("/boom")
    async def boom(request: Any) -> HTTPResponse:
        raise ValueError("boom")

    @app.get("/handled")
    async def handled(request: Any) -> HTTPResponse:
        raise KeyError("handled")

    @app.exception(KeyError)
    async def handle(request: Any, exception: Exception) -> HTTPResponse:
        return text("handled", status=422)

    @app.get("/stream")
    async def stream(request: Any) -> ResponseStream:
        # Under ASGI, Sanic 23.12 logs an error after request.respond().
        return ResponseStream(chunks, content_type="text/plain")

    async def chunks(response: Any) -> None:
        await response.write("one")
        await response.write("two")
