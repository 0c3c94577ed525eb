"""The part of the extension that one application has."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Any, TypeAlias
from urllib.parse import unquote

from sanic import HTTPResponse, NotFound, Sanic, SanicException
from sanic import Request as SanicRequest
from sanic.exceptions import RequestCancelled, ServerError

from dockerflow_mw.endpoints import ERROR, HEARTBEAT, LBHEARTBEAT, VERSION
from dockerflow_mw.endpoints.http import Endpoint, Request
from dockerflow_mw.protocols.asgi import SUMMARY_KEY
from dockerflow_mw.service import Service
from dockerflow_mw.settings import SettingsError
from dockerflow_mw.summary import Summary, current
from dockerflow_mw.summary.log import RequestLog

Amend: TypeAlias = Callable[[Any, Summary], None]


class Hooks:
    """The routes, middleware and signal handlers of one application.

    Args:
        app: the application.
        service: the engine.
        get_logger: returns the logger of the summaries.
        amend: adds the fields of the application to the summary of a request.
    """

    def __init__(
        self,
        app: Sanic[Any, Any],
        service: Service,
        get_logger: Callable[[], logging.Logger],
        amend: Amend,
    ) -> None:
        self._app = app
        self._service = service
        self._get_logger = get_logger
        self._amend = amend
        self._log = self._make_log()

    def _make_log(self) -> RequestLog:
        return RequestLog(self._service.settings, str.lower, self._get_logger())

    def connect(self) -> None:
        """Add the routes, middleware and signal handlers to the application."""
        app = self._app
        self._add_routes()
        app.before_server_start(self._start)
        app.register_middleware(self._answer_probe, "request", priority=sys.maxsize)
        app.register_middleware(self._record_response, "response", priority=sys.maxsize)
        app.add_signal(self._open, "http.lifecycle.request")
        app.add_signal(self._record_exception, "http.lifecycle.exception")
        app.add_signal(self._close, "http.lifecycle.response")
        app.add_signal(self._close_unfinished, "http.lifecycle.complete")
        app.add_signal(self._open_websocket, "websocket.handler.before")
        app.add_signal(self._close_websocket, "websocket.handler.after")
        app.add_signal(self._close_websocket, "websocket.handler.exception")

    def _add_routes(self) -> None:
        app, settings = self._app, self._service.settings
        names = {path: path.strip("/_") for path in (VERSION, HEARTBEAT, LBHEARTBEAT)}
        if settings.error_endpoint:
            names[ERROR] = "error"
        # Sanic reads a path with "<" as a pattern.
        names |= {path: path for path, _ in settings.groups if "<" not in path}
        for path, name in names.items():
            app.add_route(self._view, path, ("GET", "HEAD"), name=f"dockerflow.{name}")

    async def _start(self, *_: Any) -> None:
        mistake = self._service.start()
        if mistake is not None:
            raise SettingsError(mistake)
        self._log = self._make_log()

    async def _answer_probe(self, request: Any) -> HTTPResponse | None:
        routes, path = self._service.routes, unquote(request.path)
        endpoint = routes.get(path)
        root = self._app.asgi and endpoint is None and request.scope.get("root_path")
        if root:
            endpoint = routes.get(path.removeprefix(root.rstrip("/")))
        return None if endpoint is None else await self._respond(request, endpoint)

    async def _view(self, request: Any) -> HTTPResponse:
        # The middleware answers the other paths before Sanic calls the view.
        endpoint = self._service.endpoints.get(ERROR)
        if endpoint is None:
            raise NotFound(f"Requested URL {request.path} not found")
        return await self._respond(request, endpoint)

    async def _respond(self, request: Any, endpoint: Endpoint) -> HTTPResponse:
        self._summary_of(request).probe = True
        query, headers = request.query_string, dict(request.headers)
        response = await endpoint.aanswer(Request(request.method, query, headers))
        # ASGI demands names in lower case, and Sanic passes them on unchanged.
        sent = {name.lower(): value for name, value in response.headers}
        return HTTPResponse(response.body, response.status, sent)

    async def _open(self, request: Any) -> None:
        # A middleware around the application may have opened the summary.
        summary = request.scope.get(SUMMARY_KEY) if self._app.asgi else None
        if summary is None or summary.closed:
            summary = self._new_summary(request)
        else:
            summary.adopt(self._log.on_close, False)
        _attach(summary, request)

    def _new_summary(self, request: Any) -> Summary:
        headers = request.headers
        agent, lang = headers.get("user-agent", ""), headers.get("accept-language", "")
        path, query = unquote(request.path), request.query_string
        return self._log.open(headers, request.method, path, agent, lang, query)

    def _summary_of(self, request: Any) -> Summary:
        summary: Summary | None = getattr(request.ctx, "dockerflow", None)
        if summary is not None:
            return summary
        # If Sanic cannot parse a request, it responds to a second object.
        return _attach(current() or self._new_summary(request), request)

    async def _record_response(self, request: Any, response: Any) -> None:
        summary = self._summary_of(request)
        if not summary.closed:
            summary.code = response.status
        if (header := self._service.settings.response_header_name) is not None:
            response.headers.setdefault(header.lower(), summary.rid)

    async def _record_exception(self, request: Any, exception: BaseException) -> None:
        summary = self._summary_of(request)
        if summary.closed:
            return
        summary.started |= request.responded and _is_sent(request)
        if isinstance(exception, RequestCancelled):
            summary.disconnected = True
        elif self._is_failure(exception, summary.started):
            summary.record_exception(exception)
        if summary.started:
            self._end(request, summary)

    def _is_failure(self, error: BaseException, is_sent: bool) -> bool:
        if is_sent:
            # Sanic 23.12 raises a ServerError after each stream under ASGI.
            return not (self._app.asgi and isinstance(error, ServerError))
        return not isinstance(error, SanicException) or error.status_code >= 500

    async def _close(self, request: Any, response: Any) -> None:
        summary, status = self._summary_of(request), response.status
        # Sanic's own server rejects such a status and sends another response.
        if summary.closed or not isinstance(status, int) or status < 200:
            return
        if status < 500:
            # An exception handler of the application made this response.
            summary.error, summary.message = None, ""
        summary.code = 0 if summary.disconnected else status
        self._end(request, summary)

    async def _close_unfinished(self, conn_info: Any) -> None:
        summary = current()
        if summary is None or summary.closed:
            return
        if conn_info.lost:
            summary.disconnected = summary.code != 101
        else:
            summary.mark(incomplete=True)
            text = "Sanic closed the connection before the end of the response."
            summary.error = summary.message = text
        self._end(SanicRequest.get_current(), summary)

    async def _open_websocket(self, request: Any, **_: Any) -> None:
        summary = self._summary_of(request)
        summary.mark(type="websocket")
        summary.code, summary.started = 101, True

    async def _close_websocket(
        self, request: Any, exception: Any = None, **_: Any
    ) -> None:
        summary = self._summary_of(request)
        if exception is not None:
            summary.record_exception(exception)
        self._end(request, summary)

    def _end(self, request: Any, summary: Summary) -> None:
        self._amend(request, summary)
        if summary.adopted:
            return
        if summary.code == 101 and not self._service.settings.summary_log_websockets:
            summary.discard()
        # One task serves all requests of a connection: reset its context.
        summary.finish()


def _attach(summary: Summary, request: Any) -> Summary:
    ctx = request.ctx
    ctx.dockerflow = summary
    # Applications read these two, which python-dockerflow sets.
    ctx.id, ctx.start_timestamp = summary.rid, time.time()
    return summary


def _is_sent(request: Any) -> bool:
    """Return whether Sanic has sent a part of the response. If not, discard it.

    Sanic itself discards it before it sends the response of an exception.
    """
    try:
        request.reset_response()
    except ServerError:
        return True
    return False
