"""The service in Flask, with Flask-Login."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import flask

from tests.compat.exchange import Answer, asked, register

flask_login: Any = importlib.import_module("flask_login")

REQUESTS = (
    asked("/who"),
    asked("/login"),
    asked("/who"),
    asked("/", **{"X-Request-ID": "two words"}),
    asked("/__heartbeat__", "POST"),
    asked("/__error__/"),
)


class User(flask_login.UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    def __init__(self, identity: str) -> None:
        self.id = identity


def make(package: str, folder: Path) -> Any:
    """Make the service, and return the function that sends a request."""
    app = flask.Flask("compat")
    app.secret_key = "compat"
    app.config["DOCKERFLOW_SUMMARY_LOG_QUERYSTRING"] = True
    app.config["DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE"] = 503
    extension = importlib.import_module(f"{package}.flask")
    extension.Dockerflow(app, version_path=str(folder), silenced_checks=["compat.W9"])
    register(importlib.import_module(f"{package}.checks"))
    login = flask_login.LoginManager(app)
    login.user_loader(User)
    _add_pages(app)
    client = app.test_client()

    def ask(method: str, path: str, headers: Mapping[str, str]) -> Answer:
        got = client.open(path, method=method, headers=dict(headers), buffered=True)
        # The cookie of the session holds the time.
        kept = {k: v for k, v in got.headers.items() if k != "Set-Cookie"}
        return Answer(got.status_code, kept, got.data)

    return ask


def _add_pages(app: flask.Flask) -> None:
    @app.route("/", methods=["GET", "POST"])
    def index() -> str:
        return flask.g.request_id if flask.request.args else "index"

    @app.get("/teapot")
    def teapot() -> tuple[str, int]:
        return "short and stout", 418

    @app.get("/unavailable")
    def unavailable() -> str:
        flask.abort(503)

    @app.get("/boom")
    def boom() -> str:
        raise ValueError("boom")

    @app.get("/stream")
    def stream() -> flask.Response:
        def chunks() -> Iterator[str]:
            yield "one "
            yield "two"

        return flask.Response(chunks(), mimetype="text/plain")

    @app.get("/login")
    def login() -> str:
        flask_login.login_user(User("u7"))
        return "in"

    @app.get("/who")
    def who() -> str:
        return str(flask_login.current_user.is_authenticated)
