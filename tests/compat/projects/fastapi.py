"""The service in FastAPI."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import StreamingResponse

from tests.compat.exchange import Answer, asked, register

REQUESTS = (asked("/__error__", "HEAD"), asked("/__heartbeat__", "POST"))


def make(package: str, folder: Path) -> Callable[[str, str, Mapping[str, str]], Answer]:
    """Make the service, and return the function that sends a request."""
    middleware = importlib.import_module(f"{package}.fastapi.middleware")
    # httpx, the client, logs each request at INFO.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    register(importlib.import_module(f"{package}.checks"))
    app = FastAPI()
    app.state.APP_DIR = folder
    app.state.DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE = 503
    app.state.DOCKERFLOW_SUMMARY_LOG_QUERYSTRING = True
    app.include_router(importlib.import_module(f"{package}.fastapi").router)
    app.add_middleware(middleware.RequestIdMiddleware)
    app.add_middleware(middleware.MozlogRequestSummaryLogger)
    _add_pages(app)

    def ask(method: str, path: str, headers: Mapping[str, str]) -> Answer:
        return asyncio.run(_ask(app, method, path, headers))

    return ask


def _add_pages(app: FastAPI) -> None:
    @app.get("/")
    async def index() -> str:
        return "a page"

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418)

    @app.get("/unavailable")
    async def unavailable() -> Response:
        return Response(status_code=503)

    @app.get("/boom")
    async def boom() -> None:
        raise ValueError("boom")

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(_chunks())


async def _chunks() -> AsyncIterator[bytes]:
    yield b"one"
    yield b"two"


async def _ask(app: Any, method: str, path: str, headers: Mapping[str, str]) -> Answer:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        got = await client.request(method, path, headers=headers)
    return Answer(got.status_code, dict(got.headers), got.content)
