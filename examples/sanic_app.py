"""A Sanic application with one page and one check on a SQLite database.

Serve it with Sanic's own server, or with any ASGI server::

    DEMO_DATABASE=books.sqlite sanic sanic_app:app --workers 2
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from contextlib import closing
from typing import Any

from sanic import HTTPResponse, Request, Sanic, response

from dockerflow_mw import summary
from dockerflow_mw.sanic import Dockerflow

logger = logging.getLogger("bookshop")

# SQLite creates a missing database by default; mode=ro raises an error instead.
DATABASE = f"file:{os.environ['DEMO_DATABASE']}?mode=ro"


def read_titles() -> list[str]:
    with closing(sqlite3.connect(DATABASE, uri=True)) as connection:
        return [title for (title,) in connection.execute("SELECT title FROM books")]


app: Sanic[Any, Any] = Sanic("bookshop", configure_logging=False)
app.config.DOCKERFLOW_CONFIGURE_LOGGING = True
dockerflow = Dockerflow(app)


@app.get("/")
async def titles(_request: Request[Any, Any]) -> HTTPResponse:
    found = await asyncio.to_thread(read_titles)
    logger.info("Listing the books.")
    summary.add_fields(books=len(found))
    return response.json(found)


@dockerflow.check
async def database() -> None:
    await asyncio.to_thread(read_titles)
