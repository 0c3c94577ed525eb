"""An ASGI application with one page and one check on a SQLite database.

Serve it with any ASGI server::

    DEMO_DATABASE=books.sqlite uvicorn asgi_app:application
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from contextlib import closing

from dockerflow_mw import DockerflowMiddleware, summary
from dockerflow_mw.protocols.types import Receive, Scope, Send

logger = logging.getLogger("bookshop")

# SQLite creates a missing database by default; mode=ro raises an error instead.
DATABASE = f"file:{os.environ['DEMO_DATABASE']}?mode=ro"


def read_titles() -> list[str]:
    with closing(sqlite3.connect(DATABASE, uri=True)) as connection:
        return [title for (title,) in connection.execute("SELECT title FROM books")]


async def app(scope: Scope, _receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(f"{scope['type']} is not supported.")
    titles = await asyncio.to_thread(read_titles)
    logger.info("Listing the books.")
    summary.add_fields(books=len(titles))
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": "\n".join(titles).encode()})


application = DockerflowMiddleware(app, configure_logging=True, log_probes="all")


@application.check
async def database() -> None:
    await asyncio.to_thread(read_titles)
