"""Shipit's use of Flask, with its own names; a test must not import this module.

The project's Dockerflow object is made without an application, its checks are
registered where they belong, and Uvicorn serves the Flask application.
"""

from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path
from typing import Any

import flask
import flask_sqlalchemy

import dockerflow_mw
from dockerflow_mw.flask import Dockerflow, checks
from dockerflow_mw.flask.checks import check_database_connected
from dockerflow_mw.logging import MozlogFormatter, RequestIdLogFilter

# In backend_common/log.py:

handler = logging.StreamHandler(sys.stdout)
handler.setFormatter(MozlogFormatter())
handler.addFilter(RequestIdLogFilter())
logging.getLogger().addHandler(handler)
logging.getLogger().setLevel(logging.INFO)

# In backend_common/dockerflow.py, where the folder is /app:

dockerflow = Dockerflow(version_path=str(Path.cwd()))
dockerflow.logger.setLevel(logging.ERROR)

db: Any = flask_sqlalchemy.SQLAlchemy()


# In backend_common/auth.py and in shipit_api/common/pulse.py, two of one name:


@dockerflow_mw.checks.register(name="auth")
def app_heartbeat() -> list[Any]:
    assert flask.current_app.config["APP_CHANNEL"] == "development"
    return []


checks.register_partial(check_database_connected, db)


def register_pulse() -> None:
    @dockerflow_mw.checks.register(name="pulse")
    def app_heartbeat() -> list[Any]:
        channel = flask.current_app.config["APP_CHANNEL"]
        assert channel == "development"
        return [checks.Warning("shipit has no pulse", id="shipit.W001")]


register_pulse()


def list_releases() -> list[str]:
    return [flask.g.request_id]


def set_up(app: flask.Flask) -> None:
    app.config["APP_CHANNEL"] = "development"
    app.config["SQLALCHEMY_DATABASE_URI"] = Path("database").read_text()
    db.init_app(app)
    dockerflow.init_app(app)


def through_a2wsgi() -> Any:
    from a2wsgi import WSGIMiddleware

    app = flask.Flask("shipit_api")
    app.add_url_rule("/releases", view_func=list_releases)
    set_up(app)
    return WSGIMiddleware(app)  # type: ignore[arg-type]  # Flask says it in other types


def through_connexion() -> Any:
    connexion: Any = importlib.import_module("connexion")
    specification = {
        "openapi": "3.0.0",
        "info": {"title": "shipit", "version": "1"},
        "paths": {
            "/releases": {
                "get": {
                    "operationId": "list_releases",
                    "responses": {"200": {"description": "the releases"}},
                }
            }
        },
    }
    app = connexion.FlaskApp("shipit_api")
    app.add_api(
        specification,
        resolver=connexion.Resolver(lambda operation_id: list_releases),
    )
    set_up(app.app)
    return app
