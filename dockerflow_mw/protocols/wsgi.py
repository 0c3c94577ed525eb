"""The WSGI middleware (PEP 3333)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from dockerflow_mw.endpoints.http import Endpoint, Request, Response
from dockerflow_mw.protocols.wsgi_response import observe_body, observe_start
from dockerflow_mw.service import Service
from dockerflow_mw.summary import Summary
from dockerflow_mw.summary import logger as summary_logger
from dockerflow_mw.summary.log import RequestLog

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SUMMARY_KEY = "dockerflow_mw.summary"
"""The key of the open summary in the environ, and in the scope of ASGI."""

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class WSGIMiddleware:
    """A middleware that serves the endpoints and logs a summary of each request.

    Args:
        app: the wrapped application, which serves all other paths.
        service: the settings, checks and endpoints.
        get_logger: returns the logger of the summaries. It is called once more when the
            service starts.
    """

    def __init__(
        self,
        app: WSGIApplication,
        service: Service,
        get_logger: Callable[[], logging.Logger] = lambda: summary_logger,
    ) -> None:
        self.app = app
        self.service = service
        self._get_logger = get_logger
        self._started = False
        self._configure()

    def _configure(self) -> None:
        service, settings = self.service, self.service.settings
        self._endpoints = {path_info(p): e for p, e in service.routes.items()}
        self._log = RequestLog(settings, environ_key, self._get_logger())
        self._echo = settings.response_header_name
        # Probes are frequent: skip a summary that no record and no header shows.
        self._skips_summaries = self._echo is None and settings.log_probes != "all"

    def _start(self) -> None:
        self.service.start()
        self._configure()
        # Only now: concurrent first requests need the endpoints as well.
        self._started = True

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        path = environ.get("PATH_INFO", "")
        endpoint = self._endpoints.get(path)
        if not self._started and (endpoint is None or not endpoint.fixed):
            self._start()
            endpoint = self._endpoints.get(path)
        if (shared := outer_summary(environ)) is not None:
            environ[SUMMARY_KEY] = shared
            shared.adopt(self._log.on_close, endpoint is not None)
            return self._respond(endpoint, environ, start_response)
        if endpoint is not None and self._skips_summaries:
            response = endpoint.fixed.get(environ.get("REQUEST_METHOD", ""))
            if response is not None:
                return _send(response, start_response)
        summary = open_summary(self._log, environ, endpoint is not None)
        if summary.enabled or self._echo is not None:
            start_response = observe_start(summary, start_response, self._echo)
        try:
            body = self._respond(endpoint, environ, start_response)
        except BaseException as error:
            summary.record_exception(error)
            summary.finish()
            raise
        return observe_body(body, summary, environ)

    def _respond(
        self,
        endpoint: Endpoint | None,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        if endpoint is None:
            return self.app(environ, start_response)
        return _send(endpoint.answer(request_from(environ)), start_response)


def environ_key(header_name: str) -> str:
    """Return the environ's key of a request header (RFC 3875, section 4.1.18)."""
    return f"HTTP_{header_name.upper().replace('-', '_')}"


def path_info(path: str) -> str:
    """Return a path in the form of ``PATH_INFO``: UTF-8 bytes read as latin-1."""
    return path.encode().decode("latin-1")


def request_from(environ: WSGIEnvironment) -> Request:
    """Return the request of an environ."""
    headers = {
        key[len("HTTP_") :].lower().replace("_", "-"): value
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }
    method = environ.get("REQUEST_METHOD", "")
    return Request(method, environ.get("QUERY_STRING", ""), headers)


def outer_summary(environ: WSGIEnvironment) -> Summary | None:
    """Return the open summary of an outer middleware of this package, or None.

    If the outer middleware is an ASGI one, a2wsgi puts its scope into the environ.
    """
    summary: Summary | None = environ.get(SUMMARY_KEY)
    if summary is None and (scope := environ.get("asgi.scope")) is not None:
        summary = scope.get(SUMMARY_KEY)
    return None if summary is None or summary.closed else summary


def open_summary(log: RequestLog, environ: WSGIEnvironment, probe: bool) -> Summary:
    """Open the summary of a request and put it into the environ."""
    get = environ.get
    path: str = get("SCRIPT_NAME", "") + get("PATH_INFO", "")
    if not path.isascii():
        # PEP 3333: PATH_INFO is bytes read as latin-1. Clients send UTF-8.
        path = path.encode("latin-1", "replace").decode("utf-8", "replace")
    summary = environ[SUMMARY_KEY] = log.open(
        environ,
        get("REQUEST_METHOD", ""),
        path,
        get("HTTP_USER_AGENT", ""),
        get("HTTP_ACCEPT_LANGUAGE", ""),
        get("QUERY_STRING", ""),
        probe,
    )
    return summary


def _send(response: Response, start_response: StartResponse) -> Iterable[bytes]:
    phrase = _PHRASES.get(response.status, "Unknown")
    start_response(f"{response.status} {phrase}", list(response.headers))
    return [response.body]
