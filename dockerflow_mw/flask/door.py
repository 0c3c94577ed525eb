"""What the extension does in one application: its routes, and what it does when."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import flask
from werkzeug.wrappers import Response
from werkzeug.wsgi import ClosingIterator

from dockerflow_mw import summary
from dockerflow_mw.announcement import Announcement
from dockerflow_mw.checks import Registry
from dockerflow_mw.endpoints import LBHeartbeat, Version, endpoints, with_slashes
from dockerflow_mw.flask.visit import Visit, give_back, visits
from dockerflow_mw.logging import configure_logging, log_safely
from dockerflow_mw.reply import Endpoint
from dockerflow_mw.request_id import request_id_context
from dockerflow_mw.request_log import RequestLog
from dockerflow_mw.settings import Settings, SettingsError
from dockerflow_mw.summary import Summary
from dockerflow_mw.wsgi import (
    ENVIRON_KEY,
    close_record,
    environ_key,
    observed,
    open_record,
    outer_record,
    request_of,
    smuggled,
    watched,
)

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from dockerflow_mw.flask.app import Dockerflow

ERROR_PATH = "/__error__"

g_at_hand: Any = flask.g._get_current_object
"""Gives what ``flask.g`` stands for, which is quicker to ask than the proxy."""


class FlaskDoor:
    """The front door of one application.

    Args:
        dockerflow: the extension.
        app: the application.
        plain_extra: the function behind a summary_extra() that adds nothing.

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
        self._started = False
        self._served: dict[str, Endpoint] = {"/__lbheartbeat__": LBHeartbeat()}
        self._use(dockerflow.settings_of(app))

    def _use(self, settings: Settings) -> None:
        self._settings = settings
        self._log = RequestLog(settings, environ_key, self._dockerflow.summary_logger)
        self._echo = settings.response_header_name
        probes = {p: e for p, e in self._served.items() if p != ERROR_PATH}
        paths = with_slashes(probes).items()
        self._endpoint = {smuggled(path): endpoint for path, endpoint in paths}.get

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
        flask.got_request_exception.connect(self._fail, app)
        # Around what Flask's users may override, rather than among the functions that
        # they add: ours are the first before a request and the last after it, whatever
        # is added later, and Flask takes its time to call each of those. What it calls
        # these with is passed on, whatever its later releases make of that.
        self._preprocess = app.preprocess_request
        self._process = app.process_response
        self._tear_down = app.do_teardown_request
        overridden: Any = app
        overridden.preprocess_request = self._before
        overridden.process_response = self._after
        overridden.do_teardown_request = self._at_end
        # The functions after the request and those of the application context may
        # raise, which Flask tells nobody but the server.
        self._wsgi_app = app.wsgi_app
        app.wsgi_app = self._serve  # type: ignore[method-assign]  # as Flask has it

    def _start(self) -> None:
        # Not when the door is made: what is set or registered after that counts, and
        # version.json need not be there while an application is built.
        with self._lock:
            if self._started:
                return
            settings = self._latest_settings()
            registry = self._checks
            self._served = endpoints(settings, registry, self._app, self._around)
            self._use(settings)
            extra = self._dockerflow.summary_extra
            if getattr(extra, "__func__", None) is not self._plain_extra:
                self._extra = extra
            self._started = True
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

    def _serve(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        visit = self._enter(environ, is_served=True)
        record = visit.record
        if visit.is_own:
            start_response = observed(record, start_response, self._echo)
        try:
            body = self._wsgi_app(environ, start_response)
        except BaseException as error:
            record.fail(error)
            if visit.is_own:
                close_record(record)
            raise
        finally:
            visits.set(visit.former)
            if record.former is not None:
                give_back(record.former)
        if not visit.is_own:
            return body
        if not visit.finished or type(body) is not ClosingIterator:
            return watched(body, record, environ)
        # It is as Flask's own response gives it; who stands between has left it.
        if visit.streams:
            return visit.watch(body)
        record.close()
        summary.leave(record)
        return body

    def _enter(self, environ: WSGIEnvironment, is_served: bool) -> Visit:
        endpoint = self._endpoint(environ.get("PATH_INFO", ""))
        if endpoint is None and not self._started:
            self._start()
            endpoint = self._endpoint(environ.get("PATH_INFO", ""))
        known = ENVIRON_KEY in environ or "asgi.scope" in environ
        record = outer_record(environ) if known else None
        is_own = record is None
        if record is None:
            record = open_record(self._log, environ, endpoint is not None)
        else:
            # Another middleware of ours, further out, sees to the record.
            record.adopt(self._log.policy)
        environ[ENVIRON_KEY] = record
        former = visits.get()
        visit = Visit(self, environ, record, endpoint, is_own, is_served, former)
        visits.set(visit)
        return visit

    def _visit(self) -> Visit:
        """Give the visit at hand; it begins here where others have Flask's wsgi_app."""
        visit = visits.get()
        if visit is not None and visit.door is self and visit.environ is _environ():
            return visit
        return self._enter(_environ(), is_served=False)

    def _before(self, *context: Any) -> Any:
        visit = visits.get()
        if visit is None or visit.door is not self or visit.begun:
            visit = self._visit()
        visit.begun = True
        g_at_hand().request_id = visit.record.rid
        if visit.endpoint is None:
            return self._preprocess(*context)
        return self._answer(visit, visit.endpoint)

    def _probed(self) -> flask.Response:
        # Only what the path does not tell comes here unanswered: Flask takes
        # "//__version__" for the same.
        visit = self._visit()
        if visit.endpoint is None:
            flask.abort(404)
        return self._answer(visit, visit.endpoint)

    def _raised(self) -> flask.Response:
        if ERROR_PATH not in self._served:
            flask.abort(404)
        return self._answer(self._visit(), self._served[ERROR_PATH])

    def _answer(self, visit: Visit, endpoint: Endpoint) -> flask.Response:
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

    def _fail(self, sender: flask.Flask, exception: BaseException, **_: Any) -> None:
        if flask.has_request_context():
            visit = self._visit()
            visit.record.fail(exception)
            visit.failed = True

    def _after(self, *args: Any) -> flask.Response:
        response = self._process(*args)
        visit = visits.get()
        if visit is None or visit.door is not self:
            visit = self._visit()
        record = visit.record
        self._tell(record)
        if not visit.is_own or not isinstance(response, Response):
            # What is none of Werkzeug's is Flask's to serve, or to refuse.
            return response
        if record.error is not None and not visit.failed and response.status_code < 500:
            # It was of another application, which the view has asked.
            record.error, record.message = None, ""
        visit.finished = True
        visit.streams = False
        if not response.is_sequence:
            visit.expect(response)
        if not visit.is_served:
            self._finish_unserved(visit, response)
        return response

    def _finish_unserved(self, visit: Visit, response: Response) -> None:
        visit.record.code = response.status_code
        if self._echo is not None:
            response.headers.setdefault(self._echo, visit.record.rid)
        if visit.streams:
            body: Any = response.response
            response.response = visit.watch(body)
        else:
            visit.record.close()

    def _at_end(self, *args: Any) -> None:
        self._tear_down(*args)
        error = args[-1] if args else sys.exc_info()[1]
        visit = visits.get()
        if visit is None or (error is None and visit.is_served):
            return
        if visit.door is self and visit.environ is _environ():
            self._end(visit, error)

    def _end(self, visit: Visit, error: BaseException | None) -> None:
        record = visit.record
        is_open = visit.is_own and not visit.finished and not record.closed
        if is_open and error is not None:
            self._tell(record)
        if visit.is_served:
            return
        visits.set(visit.former)
        if visit.is_own:
            self._leave_unserved(visit, error)
        if record.former is not None:
            give_back(record.former)

    def _leave_unserved(self, visit: Visit, error: BaseException | None) -> None:
        record = visit.record
        if visit.streams and not record.closed:
            return
        if error is not None and not isinstance(error, Exception):
            record.fail(error)
        # Without an error it goes on, and what ends is a thread with a copy of its
        # context, or a test that makes no whole request.
        if record.error is not None:
            record.close()
        summary.leave(record)

    def _tell(self, record: Summary) -> None:
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


def _environ() -> WSGIEnvironment:
    environ: WSGIEnvironment = flask.request.environ
    return environ
