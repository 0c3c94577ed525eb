"""A FastAPI application for Uvicorn; the file ``database`` has the database's URL.

Importing this module configures the root logger, so tests must not import it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from dockerflow_mw import checks, summary
from dockerflow_mw.fastapi import router
from dockerflow_mw.fastapi.middleware import (
    MozlogRequestSummaryLogger,
    RequestIdMiddleware,
)
from dockerflow_mw.logging import configure_logging

configure_logging(logger_name="served")

engine = create_async_engine(Path("database").read_text())


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Register the check, and close the connections at the shut-down."""
    checks.register(checks.database_connected(engine), name="database")
    app.state.APP_DIR = Path.cwd()
    app.state.DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE = 503
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)
app.include_router(router)
app.add_middleware(MozlogRequestSummaryLogger)
app.add_middleware(RequestIdMiddleware)


@app.get("/")
async def index() -> int:
    """Return a number of the database."""
    async with engine.connect() as connection:
        number: int = (await connection.execute(text("select 41 + 1"))).scalar_one()
    summary.add_fields(uid="u1", number=number)
    return number


@app.get("/forever")
async def forever() -> StreamingResponse:
    """Stream until the client disconnects."""

    async def chunks() -> AsyncIterator[bytes]:
        while True:
            yield b"more "
            await asyncio.sleep(0.01)

    return StreamingResponse(chunks())
