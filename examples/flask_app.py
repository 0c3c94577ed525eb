"""A Flask application with one page and one check on a SQLite database.

Serve it with any WSGI server::

    DEMO_DATABASE=books.sqlite gunicorn flask_app:application
"""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing

from flask import Flask

from dockerflow_mw import summary
from dockerflow_mw.flask import Dockerflow

logger = logging.getLogger("bookshop")

# SQLite creates a missing database by default; mode=ro raises an error instead.
DATABASE = f"file:{os.environ['DEMO_DATABASE']}?mode=ro"

application = Flask(__name__)
application.config["DOCKERFLOW_CONFIGURE_LOGGING"] = True
dockerflow = Dockerflow(application)


def read_titles() -> list[str]:
    with closing(sqlite3.connect(DATABASE, uri=True)) as connection:
        return [title for (title,) in connection.execute("SELECT title FROM books")]


@application.get("/")
def books() -> str:
    titles = read_titles()
    logger.info("Listing the books.")
    summary.add_fields(books=len(titles))
    return "\n".join(titles)


@dockerflow.check
def database() -> None:
    read_titles()
