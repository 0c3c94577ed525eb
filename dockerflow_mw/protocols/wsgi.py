"""The WSGI middleware (PEP 3333)."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable, Iterator, Sized
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from dockerflow_mw.endpoints.http import Endpoint, Request, Response
from dockerflow_mw.service import Service
from dockerflow_mw.summary import Summary, activate
from dockerflow_mw.summary import logger as summary_logger
from dockerflow_mw.summary.log import RequestLog

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SUMMARY_KEY = "dockerflow_mw.summary"
"""The key of the open summary in the environ, and in the scope of ASGI."""

# Bodies that run no more code of the application. Servers check the exact type of some
# and reject an invalid one, so all of these are returned unchanged.
_COMPLETE = frozenset({list, tuple, bytes, str, type(None)})

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class WSGIMiddleware:
    """A WSGI application in front of another one.

    Args:
        app: the wrapped application, which serves all paths but the endpoints.
        service: the engine.
        logger: the logger of the summaries.
    """

    def __init__(
        self,
        app: WSGIApplication,
        service: Service,
        logger: logging.Logger | None = summary_logger,
    ) -> None:
        self.app = app
        self.service = service
        self._logger = logger
        self._started = False
        self._configure()

    def _configure(self) -> None:
        service, settings = self.service, self.service.settings
        self._endpoints = {path_info(p): e for p, e in service.routes.items()}
        self._log = RequestLog(settings, environ_key, self._logger)
        self._echo = settings.response_header_name
        # Load balancers probe often: skip the summary if no log and no header shows it.
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
        if (outer := outer_summary(environ)) is not None:
            environ[SUMMARY_KEY] = outer
            outer.adopt(self._log.on_close, endpoint is not None)
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
    """Return a path as ``PATH_INFO`` has it: its UTF-8 bytes read as latin-1."""
    return path.encode().decode("latin-1")


def request_from(environ: WSGIEnvironment) -> Request:
    """Return the request of an environ in plain values."""
    headers = {
        key[len("HTTP_") :].lower().replace("_", "-"): value
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }
    method = environ.get("REQUEST_METHOD", "")
    return Request(method, environ.get("QUERY_STRING", ""), headers)


def outer_summary(environ: WSGIEnvironment) -> Summary | None:
    """Return the open summary of an outer middleware of this package, if there is one.

    The outer middleware may be an ASGI one: a2wsgi puts the scope into the environ.
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
        # PEP 3333: the text holds bytes, which clients send as UTF-8.
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


def observe_start(
    summary: Summary, start_response: StartResponse, echo: str | None
) -> StartResponse:
    """Return a start_response that records the status and the Content-Length.

    Args:
        summary: the summary of the request.
        start_response: the server's function.
        echo: the response header to add with the request id, if any.
    """

    def observed(
        status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if echo is not None and _header(headers, echo) is None:
            headers = [*headers, (echo, summary.rid)]
        if exc_info is None:
            write = start_response(status, headers)
        else:
            write = start_response(status, headers, exc_info)
        # Servers reject an invalid status or length; here neither may raise.
        summary.code = _integer(str(status)[:3], at_least=100) or 0
        summary.length = _integer(_header(headers, "content-length"), at_least=0)
        return functools.partial(_write, summary, write)

    return observed


def _header(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    wanted = name.lower()
    for header, value in headers:
        if header.lower() == wanted:
            return value
    return None


def _integer(text: str | None, *, at_least: int) -> int | None:
    if text is None or not (text.isascii() and text.isdecimal()):
        return None
    number = int(text)
    return number if number >= at_least else None


def _write(summary: Summary, write: Callable[[bytes], object], data: bytes) -> object:
    try:
        written = write(data)
    except OSError:
        summary.disconnected = True
        raise
    summary.started = True
    return written


def observe_body(
    body: Iterable[bytes], summary: Summary, environ: WSGIEnvironment
) -> Iterable[bytes]:
    """Return a body that closes the summary at its end.

    If the body is complete, or a file that the server sends, close the summary now.
    """
    if type(body) not in _COMPLETE:
        if not _is_server_file(body, environ):
            kind = SizedBody if isinstance(body, Sized) else Body
            return kind(body, summary)
        summary.mark(sendfile=True)
    summary.finish()
    return body


def _is_server_file(body: object, environ: WSGIEnvironment) -> bool:
    # PEP 3333, "Optional Platform-Specific File Handling". If the wrapper is a
    # function, it returns the file itself.
    wrapper = environ.get("wsgi.file_wrapper")
    if wrapper is None:
        return False
    if isinstance(wrapper, type):
        return isinstance(body, wrapper)
    return hasattr(body, "read")


class Body:
    """A response body that closes the summary at its end.

    The end is the last byte of the Content-Length or the end of the iteration,
    whichever comes first; an exception; or `close`.

    The caller of a nested request may move on before the body is exhausted. So the
    summary of a nested request is current only while its body runs. After the last byte
    this holds for every summary.
    """

    __slots__ = ("__weakref__", "_body", "_detached", "_iterator", "_sent", "_summary")

    def __init__(self, body: Iterable[bytes], summary: Summary) -> None:
        self._body = body
        self._iterator: Iterator[bytes] | None = None
        self._sent = 0
        self._summary = summary
        self._detached = summary.outer is not None
        if self._detached:
            activate(summary.outer)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        summary = self._summary
        previous = activate(summary) if self._detached else None
        try:
            if self._iterator is None:
                self._iterator = iter(self._body)
            chunk = next(self._iterator)
        except StopIteration:
            summary.close()
            raise
        except BaseException as error:
            summary.record_exception(error)
            summary.close()
            raise
        finally:
            if self._detached:
                activate(previous)
        self._count(chunk)
        return chunk

    def _count(self, chunk: bytes) -> None:
        if not chunk:
            # PEP 3333: servers send no headers before the first byte.
            return
        summary = self._summary
        summary.started = True
        self._sent += len(chunk)
        if summary.length is not None and self._sent >= summary.length:
            # Test clients stop reading here and may never call close().
            summary.finish()
            self._detached = True

    def close(self) -> None:
        """Close the body and the summary. Servers call it at the end of a response."""
        summary = self._summary
        previous = activate(summary) if self._detached else None
        if self._iterator is not None and not summary.closed:
            # The server stopped in the middle of the body: the client disconnected.
            summary.disconnected = True
        summary.started = True
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        except BaseException as error:
            summary.record_exception(error)
            raise
        finally:
            summary.finish()
            if self._detached:
                activate(previous)

    def __del__(self) -> None:
        # PEP 3333 demands a call of close(), which some servers never make.
        if not self._summary.closed:
            self._summary.mark(incomplete=True)
        self._summary.finish()


class SizedBody(Body):
    """A body with a length: PEP 3333 lets servers derive a Content-Length from it."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(cast("Sized", self._body))
