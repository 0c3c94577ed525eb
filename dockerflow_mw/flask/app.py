"""`Dockerflow`: the Flask extension.

::

    from flask import Flask
    from dockerflow_mw.flask import Dockerflow

    app = Flask(__name__)
    dockerflow = Dockerflow(app)

    @dockerflow.check
    def storage():
        return bucket.exists()

It answers ``/__version__``, ``/__heartbeat__`` and ``/__lbheartbeat__`` before any
other function that the application runs before requests, so before redirects to https,
authentication and host checks can interfere. These have a say at ``/__error__`` alone,
which is an ordinary view. Every request leaves one ``request.summary`` record, and its
id is ``flask.g.request_id``.

The extension is around the application's ``wsgi_app`` as well, so that the record
tells what functions raise that run at the end of the request or of the application
context: then the server answers 500, whatever Flask had answered. It tells as well what
a middleware answers that the application has inside of it. Whoever has taken
``wsgi_app`` before the extension came, as Connexion has, is served without that.

What comes before Flask, or what Flask does before it serves a request, as opening a
session in a store, is better served by `dockerflow_mw.DockerflowMiddleware` around the
application; with both, there is still one record a request.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import flask

from dockerflow_mw import summary
from dockerflow_mw.checks import Registry, default_registry
from dockerflow_mw.flask import checks
from dockerflow_mw.flask.door import FlaskDoor
from dockerflow_mw.flask.steps import g_at_hand
from dockerflow_mw.flask.user import id_of
from dockerflow_mw.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

# As python-dockerflow has it: a line for each probe, and an error endpoint.
DEFAULTS = {"DOCKERFLOW_LOG_PROBES": "all", "DOCKERFLOW_ERROR_ENDPOINT": True}


class Dockerflow:
    """Adds the Dockerflow endpoints and the request log to Flask applications.

    What is not an argument is read from ``app.config``, then from the environment,
    under the names of `dockerflow_mw.settings.Settings` in capitals behind
    ``DOCKERFLOW_``. Each application has its own settings, and all of them have the
    checks that are registered here, as well as those of the default registry.

    Args:
        app: the application; `init_app` takes it, or others, later.
        db: a Flask-SQLAlchemy object, to check that its database answers.
        redis: a Flask-Redis object or another client, to check that it answers.
        migrate: a Flask-Migrate object, to check that its migrations are applied.
        silenced_checks: ids of check messages that never count.
        version_path: the folder of version.json, or the file; by default the folder
            above the application's.

    Attributes:
        check: the decorator that registers a check, with and without arguments; see
            `dockerflow_mw.checks.Registry.register`.
        checks: the registry of the checks that are registered here.
        logger: what is logged with that goes wrong here.
        summary_logger: what the summaries are logged with.

    Raises:
        dockerflow_mw.settings.SettingsError: a setting cannot be used.
    """

    def __init__(
        self,
        app: flask.Flask | None = None,
        db: object = None,
        redis: object = None,
        migrate: object = None,
        silenced_checks: Iterable[str] | None = None,
        version_path: str | os.PathLike[str] | None = None,
    ) -> None:
        self.logger = logging.getLogger("dockerflow.flask")
        self.summary_logger = summary.logger
        self.silenced_checks = silenced_checks
        self.version_path = version_path
        self.version_function: Callable[..., Any] | None = None
        self.checks = Registry(parent=default_registry)
        self.check = self.checks.register
        for check, target in (
            (checks.check_database_connected, db),
            (checks.check_redis_connected, redis),
            (checks.check_migrations_applied, migrate),
        ):
            if target is not None:
                self.init_check(check, target)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: flask.Flask) -> None:
        """Add everything to an application, which has served no request yet.

        Settings that come into its config after that are in force as well, if they
        are there by the first request, with the exception of ``DOCKERFLOW_CHECKS``
        and of whether there is ``/__error__``.

        Raises:
            dockerflow_mw.settings.SettingsError: a setting cannot be used.
            TypeError: it is no Flask application.
            ValueError: the application has the extension already.
        """
        given: object = app
        if not isinstance(given, flask.Flask):
            kind = type(given).__name__
            message = f"Dockerflow takes a Flask application; {given!r} is a {kind}."
            raise TypeError(message)
        if "dockerflow" in app.extensions:
            message = f"The application {app.name!r} has Dockerflow already; init once."
            raise ValueError(message)
        FlaskDoor(self, app, Dockerflow.summary_extra).open()
        app.extensions["dockerflow"] = self

    def settings_of(self, app: flask.Flask) -> Settings:
        """Give the settings that an application has now.

        Raises:
            dockerflow_mw.settings.SettingsError: a setting cannot be used.
        """
        given = {
            "silenced_checks": self.silenced_checks,
            "version_callback": self.version_function,
            "version_path": self.version_path,
        }
        options = {name: value for name, value in given.items() if value is not None}
        folder = Path(app.root_path).parent
        defaults = {**DEFAULTS, "DOCKERFLOW_VERSION_PATH": folder}
        return Settings.load(options, app.config, os.environ, defaults)

    def init_check(
        self, check: Callable[[Any], Any], obj: object
    ) -> Callable[..., Any]:
        """Register a check that is called with an object, under the check's name."""
        return self.checks.register_partial(check, obj)

    def version_callback(self, func: F) -> F:
        """Have a function give the version object.

        It is called with ``version_path`` as it was given, or with the folder above
        the application's, as a text.
        """
        self.version_function = func
        return func

    def user_id(self) -> str | None:
        """Give the id of the request's user, for its summary; override it at will.

        This is Flask-Login's, if the application has asked for the user: none is
        loaded for the log.
        """
        user = g_at_hand().get("_login_user")
        return None if user is None else id_of(user)

    def summary_extra(self) -> dict[str, Any]:
        """Give the fields of the request's summary; override it to change them.

        ``super().summary_extra()`` has what is known so far, in a new dictionary.
        What is added is logged as well, and so are another ``uid`` and ``errno``. An
        ``agent``, ``lang``, ``path`` or ``querystring`` that is replaced or left out
        is not logged as it was sent; what was measured stays.
        """
        record = summary.current()
        return {} if record is None else record.as_fields(0)
