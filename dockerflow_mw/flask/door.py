"""What the extension puts into one application: its routes, and what answers there."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import flask

from dockerflow_mw.announcement import Announcement
from dockerflow_mw.checks import Registry
from dockerflow_mw.endpoints import LBHeartbeat, Version, endpoints, with_slashes
from dockerflow_mw.endpoints.http import Endpoint
from dockerflow_mw.flask.steps import Steps
from dockerflow_mw.flask.visit import Visit, visit_of
from dockerflow_mw.logging import configure_logging, log_safely
from dockerflow_mw.protocols.wsgi import environ_key, request_of, smuggled
from dockerflow_mw.request_id import request_id_context
from dockerflow_mw.settings import Settings, SettingsError
from dockerflow_mw.summary import Summary
from dockerflow_mw.summary.log import RequestLog

if TYPE_CHECKING:
    from dockerflow_mw.flask.app import Dockerflow

ERROR_PATH = "/__error__"


class FlaskDoor:
    """The front door of one application.

    Args:
        dockerflow: the extension.
        app: the application.
        plain_extra: the function behind a summary_extra() that adds nothing.

    Attributes:
        echo: the response header that carries the request id, if there is to be one.
        find: gives the endpoint of a path as the environ has it, if there is one.
        log: what the requests have in common.
        started: whether there has been a request.

    Raises:
        dockerflow_mw.settings.SettingsError: a setting cannot be used.
    """

    def __init__(
        self,
        dockerflow: Dockerflow,
        app: flask.Flask,
        plain_extra: Callable[..., dict[str, Any]],
    ) -> None:
        self._dockerflow = dockerflow
        self._plain_extra = plain_extra
        self._extra: Callable[[], dict[str, Any]] | None = None
        self._app = app
        self._checks = Registry(parent=dockerflow.checks)
        self._lock = threading.Lock()
        self.started = False
        self._served: dict[str, Endpoint] = {"/__lbheartbeat__": LBHeartbeat()}
        self._use(dockerflow.settings_of(app))

    def _use(self, settings: Settings) -> None:
        self._settings = settings
        self.log = RequestLog(settings, environ_key, self._dockerflow.summary_logger)
        self.echo = settings.response_header_name
        probes = {p: e for p, e in self._served.items() if p != ERROR_PATH}
        paths = with_slashes(probes).items()
        self.find = {smuggled(path): endpoint for path, endpoint in paths}.get

    def open(self) -> None:
        """Add the routes and the functions around requests to the application."""
        app, settings = self._app, self._settings
        blueprint = flask.Blueprint("dockerflow", __name__)
        views: dict[str, Callable[[], Any]] = {
            "/__version__": self._probed,
            "/__heartbeat__": self._probed,
            "/__lbheartbeat__": self._probed,
            **{path: self._probed for path, _ in settings.groups},
        }
        if settings.error_endpoint:
            views[ERROR_PATH] = self._raised
        for path, view in views.items():
            if "<" in path:
                # To Flask, it would stand for other paths.
                continue
            name = path.strip("/_").replace(".", "_")
            blueprint.add_url_rule(path, name, view, strict_slashes=False)
        app.register_blueprint(blueprint)
        for check in settings.checks:
            self._checks.register(check)
        if settings.configure_logging:
            configure_logging()
        Steps(self, app).open()

    def start(self) -> None:
        """Take the settings that are there by the first request, and say what is on."""
        # Not when the door is made: what is set or registered after that counts, and
        # version.json need not be there while an application is built.
        with self._lock:
            if self.started:
                return
            settings = self._latest_settings()
            registry = self._checks
            self._served = endpoints(settings, registry, self._app, self._around)
            self._use(settings)
            extra = self._dockerflow.summary_extra
            if getattr(extra, "__func__", None) is not self._plain_extra:
                self._extra = extra
            self.started = True
        name = type(self._dockerflow).__name__
        Announcement(name, self._app, settings, registry, self._served)()

    def _latest_settings(self) -> Settings:
        try:
            return self._dockerflow.settings_of(self._app)
        except SettingsError as error:
            # Too late to stop the start, and no reason to refuse requests.
            log_safely(self._dockerflow.logger, logging.CRITICAL, "%s", error)
            return self._settings

    @contextlib.contextmanager
    def _around(self) -> Iterator[None]:
        with self._app.app_context():
            flask.g.request_id = request_id_context.get()
            yield

    def _probed(self) -> flask.Response:
        # Only what the path does not tell comes here unanswered: Flask takes
        # "//__version__" for the same.
        visit = visit_of(self)
        if visit.endpoint is None:
            flask.abort(404)
        return self.answer(visit, visit.endpoint)

    def _raised(self) -> flask.Response:
        if ERROR_PATH not in self._served:
            flask.abort(404)
        return self.answer(visit_of(self), self._served[ERROR_PATH])

    def answer(self, visit: Visit, endpoint: Endpoint) -> flask.Response:
        """Give the response of an endpoint."""
        visit.record.probe = True
        if isinstance(endpoint, Version) and self._dockerflow.version_function:
            endpoint.callback = self._version
        reply = endpoint.answer(request_of(visit.environ))
        # A list, because of bytes Flask would set the length, which HEAD's is not.
        return flask.Response([reply.body], reply.status, list(reply.headers))

    def _version(self, folder: object) -> Any:
        # Not with the folder of a file, as the engine has it, but as it was given.
        path = self._dockerflow.version_path
        if path is None:
            path = str(self._settings.version_path)
        function: Any = self._dockerflow.version_function
        return function(path)

    def tell(self, record: Summary) -> None:
        """Have a summary know the user, and what the application makes of its fields.

        A failure is logged, and the summary does without.
        """
        dockerflow = self._dockerflow
        try:
            uid = dockerflow.user_id()
            if uid is not None:
                record.name_user(uid)
            if self._extra is not None:
                record.amend(self._extra())
        except (Exception, SystemExit) as error:
            text = "user_id() or summary_extra() raised; the summary lacks its part."
            log_safely(dockerflow.logger, logging.ERROR, text, error=error)
