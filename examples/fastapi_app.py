"""A FastAPI application with one page and one check on a SQLite database.

Serve it with any ASGI server::

    DEMO_DATABASE=books.sqlite uvicorn fastapi_app:app
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

from fastapi import FastAPI

from dockerflow_mw import checks, summary
from dockerflow_mw.fastapi import router
from dockerflow_mw.fastapi.middleware import (
    MozlogRequestSummaryLogger,
    RequestIdMiddleware,
)

logger = logging.getLogger("bookshop")

# SQLite creates a missing database by default; mode=ro raises an error instead.
DATABASE = f"file:{os.environ['DEMO_DATABASE']}?mode=ro"


def read_titles() -> list[str]:
    with closing(sqlite3.connect(DATABASE, uri=True)) as connection:
        return [title for (title,) in connection.execute("SELECT title FROM books")]


async def database() -> None:
    await asyncio.to_thread(read_titles)


@contextlib.asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    checks.register(database)
    yield


app = FastAPI(lifespan=lifespan)
app.state.APP_DIR = Path(__file__).parent
app.state.DOCKERFLOW_CONFIGURE_LOGGING = True
app.include_router(router)
app.add_middleware(RequestIdMiddleware)
app.add_middleware(MozlogRequestSummaryLogger)


@app.get("/")
async def titles() -> list[str]:
    found = await asyncio.to_thread(read_titles)
    logger.info("Listing the books.")
    summary.add_fields(books=len(found))
    return found
