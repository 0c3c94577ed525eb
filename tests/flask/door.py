"""The door of the Flask extension; its options are settings of the application."""

from __future__ import annotations

from typing import Any

import flask
from werkzeug.exceptions import HTTPException

from dockerflow_mw.flask import Dockerflow
from dockerflow_mw.settings import variable_of
from tests.doors import BareWSGI, Page, page


class FlaskDoor(BareWSGI):
    """A Flask application that has the page wherever there is no route."""

    def __init__(self, page: Page = page, **options: Any) -> None:
        app: Any = flask.Flask("tests.flask.site")
        self.application = self.served = app
        # Else Flask redirects from a path with two slashes, with or without us.
        app.url_map.merge_slashes = False
        app.config["PROPAGATE_EXCEPTIONS"] = True
        app.config |= {
            variable_of(name): value
            for name, value in {
                "log_probes": "failures",
                "error_endpoint": False,
                **options,
            }.items()
        }

        @app.errorhandler(HTTPException)
        def found(error: HTTPException) -> flask.Response:
            return flask.Response(page(), mimetype="text/plain")

        # The application is the signals' sender, and the checks are the extension's.
        dockerflow = Dockerflow(app)
        app.check, app.checks = dockerflow.check, dockerflow.checks
