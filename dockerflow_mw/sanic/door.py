"""What the extension does in one application: its routes, and what it does when."""

from __future__ import annotations

import asyncio
import functools
import logging
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from sanic import HTTPResponse, NotFound, Sanic, SanicException
from sanic import Request as SanicRequest
from sanic.http import Stage

from dockerflow_mw.announcement import Announcement
from dockerflow_mw.checks import Registry
from dockerflow_mw.endpoints import endpoints, with_slashes
from dockerflow_mw.endpoints.http import Endpoint, Request
from dockerflow_mw.logging import configure_logging, log_safely
from dockerflow_mw.protocols.asgi import SCOPE_KEY
from dockerflow_mw.sanic.served import Served
from dockerflow_mw.settings import Settings, SettingsError
from dockerflow_mw.summary import Summary, current, leave
from dockerflow_mw.summary.log import RequestLog

if TYPE_CHECKING:
    from dockerflow_mw.sanic.app import Dockerflow

ERROR_PATH = "/__error__"


class SanicDoor:
    """The front door of one application.

    Args:
        dockerflow: the extension.
        app: the application.
        extra: the extension's summary_extra(), if it is not the one that adds nothing.

    Raises:
        dockerflow_mw.settings.SettingsError: a setting cannot be used.
    """

    def __init__(
        self,
        dockerflow: Dockerflow,
        app: Sanic[Any, Any],
        extra: Callable[[Any], dict[str, Any]] | None,
    ) -> None:
        self._dockerflow = dockerflow
        self._app = app
        self._extra = extra
        self._checks = Registry(parent=dockerflow.checks)
        self._served: dict[str, Endpoint] = {}
        self._use(dockerflow.settings_of(app))

    def _use(self, settings: Settings) -> None:
        self._settings = settings
        self._log = RequestLog(settings, str.lower)
        echo = settings.response_header_name
        self._echo = None if echo is None else echo.lower()
        probes = {p: e for p, e in self._served.items() if p != ERROR_PATH}
        self._endpoint = with_slashes(probes).get

    def open(self) -> None:
        """Add the routes, the middleware and what listens to the application."""
        app, settings = self._app, self._settings
        names = {f"/__{n}__": n for n in ("version", "heartbeat", "lbheartbeat")}
        if settings.error_endpoint:
            names[ERROR_PATH] = "error"
        # To Sanic, a path with < is a pattern.
        names |= {path: path for path, _ in settings.groups if "<" not in path}
        for path, name in names.items():
            known_as = f"dockerflow.{name}"
            app.add_route(self._route, path, ("GET", "HEAD"), name=known_as)
        for check in settings.checks:
            self._checks.register(check)
        if settings.configure_logging:
            configure_logging()
        app.before_server_start(self._start)
        app.add_signal(self._begin, "http.lifecycle.request")
        app.add_signal(self._fail, "http.lifecycle.exception")
        app.add_signal(self._finish, "http.lifecycle.response")
        app.register_middleware(self._intercept, "request", priority=sys.maxsize)
        app.register_middleware(self._note, "response", priority=sys.maxsize)

    async def _start(self, app: Sanic[Any, Any], *_: Any) -> None:
        # Not before: what is set or registered until then counts.
        settings = self._dockerflow.settings_of(app)
        self._served = endpoints(settings, self._checks, app)
        self._use(settings)
        name = type(self._dockerflow).__name__
        mistake = Announcement(name, app, settings, self._checks, self._served)()
        if mistake is not None:
            raise SettingsError(mistake)

    def _begin(self, request: Any) -> None:
        asgi = self._app.asgi
        record = request.scope.get(SCOPE_KEY) if asgi else None
        upgrade = request.headers.get("upgrade")
        websocket: bool | None = False
        if upgrade is not None and upgrade.lower() == "websocket":
            websocket = self._settings.summary_log_websockets or None
        if record is not None:
            served = Served(record, asgi=asgi, websocket=websocket)
        else:
            record = self._open(request, asgi)
            served = Served(record, asgi=asgi, websocket=websocket)
            # It may never be answered. On Sanic's own server, all requests of a
            # connection have one task.
            served.task = asyncio.current_task()
            if served.task is not None:
                served.task.add_done_callback(served)
        if self._extra is not None:
            told = (self._extra, request, record)
            served.extra = functools.partial(self._amend, *told)
        _attach(served, request)

    def _open(self, request: Any, asgi: bool) -> Summary:
        former = None if asgi else current()
        if former is not None:
            # Of the request before this one on the same connection.
            former.close()
            leave(former)
        headers, path = request.headers, request.path
        return Summary(
            self._log,
            headers,
            request.method,
            unquote(path) if "%" in path else path,
            headers.get("user-agent", ""),
            headers.get("accept-language", ""),
            request.query_string,
        )

    def _of(self, request: Any) -> Served:
        try:
            served: Served = request.ctx.dockerflow
        except AttributeError:
            # What cannot be parsed is answered as well, as another request.
            refused = _refused()
            if refused is None:
                self._begin(request)
            else:
                _attach(refused, request)
            served = request.ctx.dockerflow
        return served

    def _intercept(self, request: Any) -> Any:
        served = self._of(request)
        served.stream = request.stream
        if served.error is not None and _is_clients(served.error):
            # Who answers 5xx where there is no route has no such reason for it.
            served.error = None
        path = request.path
        endpoint = self._endpoint(unquote(path) if "%" in path else path)
        if endpoint is None and self._app.asgi:
            root = (request.scope.get("root_path") or "").rstrip("/")
            if root and path.startswith(root):
                endpoint = self._endpoint(path[len(root) :])
        return None if endpoint is None else self._answer(request, endpoint)

    async def _route(self, request: Any) -> HTTPResponse:
        # All but the error endpoint are answered by then.
        endpoint = self._served.get(f"/{request.route.path}")
        if endpoint is None:
            raise NotFound(f"Requested URL {request.path} not found")
        return await self._answer(request, endpoint)

    async def _answer(self, request: Any, endpoint: Endpoint) -> HTTPResponse:
        self._of(request).record.probe = True
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Request(request.method, request.query_string, headers)
        reply = await endpoint.aanswer(asked)
        # In small letters, as ASGI wants them and Sanic leaves to its users.
        sent = {name.lower(): value for name, value in reply.headers}
        return HTTPResponse(reply.body, reply.status, sent)

    def _note(self, request: Any, response: Any) -> None:
        served = self._of(request)
        served.response = response
        if self._echo is not None:
            response.headers.setdefault(self._echo, served.record.rid)

    def _fail(self, request: Any, exception: BaseException) -> None:
        served = self._of(request)
        record, served.stream = served.record, request.stream
        if record.closed:
            return
        served.error = exception
        if isinstance(exception, asyncio.CancelledError):
            record.disconnected = True
        if served.begun:
            # What was sent stays as it is.
            record.begun, record.code = True, served.status
            if request.stream.stage is not Stage.IDLE:
                record.fail(exception)
            self._end(served)

    def _finish(self, request: Any, response: Any) -> None:
        served = self._of(request)
        record, served.stream, code = served.record, request.stream, response.status
        if record.closed:
            return
        if not self._app.asgi:
            if not isinstance(code, int) or code < 200:
                # Sanic's own server refuses it, and answers anew.
                return
            if request.transport.is_closing():
                record.disconnected = True
                code = code if served.begun else 0
        if code >= 500 and served.error is not None:
            record.fail(served.error)
        record.code = code
        self._end(served)

    def _end(self, served: Served) -> None:
        served.tell()
        if served.task is not None:
            served.task.remove_done_callback(served)
            served.record.close()
            leave(served.record)

    def _amend(
        self, extra: Callable[[Any], dict[str, Any]], request: Any, record: Summary
    ) -> None:
        try:
            record.amend(extra(request))
        except (Exception, SystemExit) as error:
            text = "summary_extra() raised; the summary lacks what is its."
            log_safely(self._dockerflow.logger, logging.ERROR, text, error=error)


def _attach(served: Served, request: Any) -> None:
    ctx = request.ctx
    ctx.dockerflow = served
    ctx.id = served.record.rid
    ctx.start_timestamp = time.time()


def _refused() -> Served | None:
    """Give the request on this connection that began and was handed to nobody."""
    try:
        served: Served = SanicRequest.get_current().ctx.dockerflow
    except (AttributeError, SanicException):
        return None
    return None if served.stream is not None or served.record.closed else served


def _is_clients(error: BaseException) -> bool:
    return isinstance(error, SanicException) and error.status_code < 500
