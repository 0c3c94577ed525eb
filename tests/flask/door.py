"""The Flask application of the contract tests. Its options are settings."""

from __future__ import annotations

from typing import Any

import flask
from werkzeug.exceptions import HTTPException

from dockerflow_mw.flask import Dockerflow
from dockerflow_mw.settings import variable_of
from tests.doors import BareWSGI, Page, page


class FlaskDoor(BareWSGI):
    """A Flask application that serves the page at all paths without a route."""

    def __init__(self, page: Page = page, **options: Any) -> None:
        app: Any = flask.Flask("tests.flask.site")
        self.application = self.served = app
        # By default, Flask redirects from a path with two slashes.
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
