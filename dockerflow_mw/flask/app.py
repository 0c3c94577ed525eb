"""`Dockerflow`: the Flask extension.

::

    app = Flask(__name__)
    dockerflow = Dockerflow(app)

    @dockerflow.check
    def storage():
        return bucket.exists()

The extension wraps ``app.wsgi_app``, so that redirects, authentication and host checks
of the application cannot interfere with a probe. ``/__error__`` is a view. Each request
leaves one ``request.summary`` record, and its id is ``flask.g.request_id``.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import flask

from dockerflow_mw.extension import Extension
from dockerflow_mw.flask import checks
from dockerflow_mw.flask.hooks import Hooks
from dockerflow_mw.logging import log_safely
from dockerflow_mw.protocols.wsgi import WSGIMiddleware
from dockerflow_mw.request_id import request_id_context
from dockerflow_mw.service import Service
from dockerflow_mw.summary import Summary, current

__all__ = ["Dockerflow"]


class Dockerflow(Extension):
    """A Flask extension that adds the Dockerflow endpoints and the request log.

    Settings come from ``app.config``, then from the environment. Their names are those
    of `dockerflow_mw.settings.Settings` in capitals, after ``DOCKERFLOW_``. One
    extension may serve several applications, each with its own settings.

    Args:
        app: the application; without it, call `init_app` later.
        db: a Flask-SQLAlchemy object; registers a check of its database.
        redis: a Flask-Redis object or another client; registers a check of its server.
        migrate: a Flask-Migrate object; registers a check of its migrations.
        silenced_checks: ids of check messages that never count.
        version_path: the folder of version.json, or the file; by default the folder
            above the application's.

    Raises:
        dockerflow_mw.settings.SettingsError: a setting is invalid.
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
        super().__init__("dockerflow.flask", silenced_checks, version_path)
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
        """Add the endpoints and the request log to an application.

        Settings may still change until the first request. The views of ``/__error__``
        and of groups are added here.

        Raises:
            dockerflow_mw.settings.SettingsError: a setting is invalid.
            TypeError: ``app`` is not a Flask application.
            ValueError: the application already has the extension.
        """
        given: object = app
        if not isinstance(given, flask.Flask):
            message = f"Dockerflow takes a Flask application; {given!r} is not one."
            raise TypeError(message)
        if "dockerflow" in app.extensions:
            message = f"The application {app.name!r} has Dockerflow already; init once."
            raise ValueError(message)
        service = self.build_service(
            app,
            app.config,
            {"DOCKERFLOW_VERSION_PATH": Path(app.root_path).parent},
            around=functools.partial(_check_context, app),
        )
        complete = functools.partial(self._complete, service)
        Hooks(service, self.get_summary_logger, complete).connect(app)
        app.wsgi_app = WSGIMiddleware(  # type: ignore[method-assign]  # as Flask documents
            app.wsgi_app, service, self.get_summary_logger
        )
        app.extensions["dockerflow"] = self

    def user_id(self) -> str | None:
        """Return the id of the current user for the summary. Override it at will.

        This method returns the id of Flask-Login's user if the application has loaded
        the user, or if the setting ``summary_load_user`` is on. It makes no query.
        """
        user = flask.g.get("_login_user")
        user_id: str | None = None if user is None else _id_of(user)
        return user_id

    def summary_extra(self) -> dict[str, Any]:
        """Return the fields of the current summary. Override it to change them.

        Added fields are logged, and so are other values of ``uid`` and ``errno``. If
        ``agent``, ``lang``, ``path`` or ``querystring`` is replaced or removed, the
        value that the client sent is not logged. Measured fields stay.
        """
        summary = current()
        return {} if summary is None else summary.as_fields(0)

    def _complete(self, service: Service, summary: Summary) -> None:
        """Add the user and the extra fields to a summary. Log an exception in these."""
        try:
            if service.settings.summary_load_user:
                _load_user()
            uid = self.user_id()
            if uid is not None:
                summary.set_user(uid)
            extra = self.summary_extra
            # The inherited method changes nothing, at the cost of half of a summary.
            if getattr(extra, "__func__", None) is not Dockerflow.summary_extra:
                summary.amend(extra())
        except (Exception, SystemExit) as error:
            text = "The user or summary_extra() raised; the summary lacks that part."
            log_safely(self.logger, logging.ERROR, text, error=error)


@contextlib.contextmanager
def _check_context(app: flask.Flask) -> Iterator[None]:
    with app.app_context():
        flask.g.request_id = request_id_context.get()
        yield


def _load_user() -> None:
    """Let Flask-Login load the current user, if the application has Flask-Login."""
    if hasattr(flask.current_app, "login_manager"):
        # Any attribute of the proxy loads the user.
        getattr(import_module("flask_login").current_user, "is_authenticated", None)


def _id_of(user: Any) -> Any:
    """Return the id of a loaded user without a query, or None for an anonymous one."""
    sqlalchemy = sys.modules.get("sqlalchemy")
    state = sqlalchemy and sqlalchemy.inspect(user, raiseerr=False)
    if state and state.expired_attributes:
        # After a commit, get_id() would query the database again, or raise.
        return ",".join(map(str, state.identity))
    known = getattr(user, "is_authenticated", False)
    if callable(known):
        # A method before Flask-Login 0.3, and in user classes of that time.
        known = known()
    return user.get_id() if known else None
