"""A WSGI application with one page and one check on a SQLite database.

Serve it with any WSGI server::

    DEMO_DATABASE=books.sqlite gunicorn wsgi_app:application
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING

from dockerflow_mw import DockerflowMiddleware, summary

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

logger = logging.getLogger("bookshop")

# SQLite creates a missing database by default; mode=ro raises an error instead.
DATABASE = f"file:{os.environ['DEMO_DATABASE']}?mode=ro"


def read_titles() -> list[str]:
    with closing(sqlite3.connect(DATABASE, uri=True)) as connection:
        return [title for (title,) in connection.execute("SELECT title FROM books")]


def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    titles = read_titles()
    logger.info("Listing the books.")
    summary.add_fields(books=len(titles))
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return ["\n".join(titles).encode()]


application = DockerflowMiddleware(app, configure_logging=True, log_probes="all")


@application.check
def database() -> None:
    read_titles()
