"""Helpers of the tests of the Flask extension."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import flask

from dockerflow_mw.flask import Dockerflow
from tests.doors import BareWSGI

Records = Callable[[], list[Any]]


def make_app(name: str = "site", **config: Any) -> flask.Flask:
    """Return an application with a page and without the extension."""
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
    """Return the extension of an application."""
    dockerflow: Dockerflow = app.extensions["dockerflow"]
    return dockerflow


def server_of(app: Any) -> BareWSGI:
    """Return an object that sends requests to an application as a server does."""
    door = BareWSGI()
    door.application = door.served = app
    return door


def report(app: flask.Flask, path: str = "/__heartbeat__") -> tuple[int, Any]:
    """Return the status and the decoded body of a heartbeat."""
    answer = app.test_client().get(path)
    return answer.status_code, json.loads(answer.data)
