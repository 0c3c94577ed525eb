"""The Flask application that Gunicorn serves; a test must not import this module.

The file ``database`` in the working directory has the URL of its database.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import flask_sqlalchemy

from dockerflow_mw import summary
from dockerflow_mw.flask import Dockerflow

db: Any = flask_sqlalchemy.SQLAlchemy()
app = flask.Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = Path("database").read_text()
app.config["DOCKERFLOW_CONFIGURE_LOGGING"] = True
app.config["DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE"] = 503
dockerflow = Dockerflow(app, db=db, version_path=Path.cwd())
db.init_app(app)


@app.get("/")
def index() -> str:
    number: int = db.session.execute(db.text("SELECT 7")).scalar()
    summary.add_fields(number=number)
    return f"{number} {flask.g.request_id}"


@app.get("/boom")
def boom() -> str:
    raise ValueError("boom")


@app.get("/stream")
def stream() -> flask.Response:
    def chunks() -> Iterator[str]:
        yield "one "
        yield "two"

    return flask.Response(chunks(), mimetype="text/plain")


@app.get("/file")
def file() -> flask.Response:
    return flask.send_file(Path("version.json").absolute())
