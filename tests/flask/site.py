"""What the tests of the Flask extension share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import flask

from dockerflow_mw.flask import Dockerflow
from tests.doors import BareWSGI

Records = Callable[[], list[Any]]


def make_app(name: str = "site", **config: Any) -> flask.Flask:
    """Make an application with a page and without the extension."""
    app = flask.Flask(name)
    app.secret_key = "made up"
    app.config |= config

    @app.get("/")
    def index() -> str:
        return "a page"

    @app.get("/boom")
    def boom() -> str:
        raise ValueError("boom")

    return app


def dockerflow_of(app: flask.Flask) -> Dockerflow:
    """Give the extension of an application."""
    dockerflow: Dockerflow = app.extensions["dockerflow"]
    return dockerflow


def server_of(app: Any) -> BareWSGI:
    """Give what asks an application as a server would."""
    door = BareWSGI()
    door.application = door.served = app
    return door


def report(app: flask.Flask, path: str = "/__heartbeat__") -> tuple[int, Any]:
    """Give the status of a heartbeat and what its body says."""
    answer = app.test_client().get(path)
    return answer.status_code, json.loads(answer.data)
