"""The WSGI side of the middleware (PEP 3333)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from dockerflow_mw.endpoints.http import Endpoint, Request, Response
from dockerflow_mw.settings import Settings
from dockerflow_mw.summary import Summary, at_hand, leave
from dockerflow_mw.summary.log import RequestLog

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ENVIRON_KEY = "dockerflow_mw.summary"

# Bodies that are there as a whole, with no code of the application's to run any more.
# Servers look at the very type of some, and refuse what is no body, as they should.
_WHOLE = frozenset({list, tuple, bytes, str, type(None)})

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def environ_key(header_name: str) -> str:
    """Give the key that a header has in the environ: RFC 3875, section 4.1.18."""
    return f"HTTP_{header_name.upper().replace('-', '_')}"


def smuggled(path: str) -> str:
    """Give a path as the environ has it: PEP 3333's latin-1 text of its bytes."""
    return path.encode().decode("latin-1")


def outer_record(environ: WSGIEnvironment) -> Summary | None:
    """Give the open summary of another middleware of ours, further out, if any.

    That may be one of ASGI: a2wsgi has the scope in the environ, under the same key.
    """
    record: Summary | None = environ.get(ENVIRON_KEY)
    if record is None and (scope := environ.get("asgi.scope")) is not None:
        record = scope.get(ENVIRON_KEY)
    return None if record is None or record.closed else record


def open_record(log: RequestLog, environ: WSGIEnvironment, probe: bool) -> Summary:
    """Open the summary of a request, and make it that of the request at hand."""
    get = environ.get
    path: str = get("SCRIPT_NAME", "") + get("PATH_INFO", "")
    if not path.isascii():
        # As the client meant it.
        path = path.encode("latin-1", "replace").decode("utf-8", "replace")
    return Summary(
        log,
        environ,
        get("REQUEST_METHOD", ""),
        path,
        get("HTTP_USER_AGENT", ""),
        get("HTTP_ACCEPT_LANGUAGE", ""),
        get("QUERY_STRING", ""),
        probe,
    )


class WSGIMiddleware:
    """A WSGI application in front of another one.

    Args:
        app: the application that has every path that is not ours.
        settings: the middleware's settings.
        endpoints: what answers our own paths.
        announce: called before the first request.
    """

    def __init__(
        self,
        app: WSGIApplication,
        settings: Settings,
        endpoints: Mapping[str, Endpoint],
        announce: Callable[[], str | None],
    ) -> None:
        self._app = app
        self._endpoint = {smuggled(p): e for p, e in endpoints.items()}.get
        self._announce: Callable[[], str | None] | None = announce
        self._log = RequestLog(settings, environ_key)
        self._echo = settings.response_header_name
        silent = settings.log_probes != "all"
        self._answers_at_once = silent and self._echo is None

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        endpoint = self._endpoint(environ.get("PATH_INFO", ""))
        known = ENVIRON_KEY in environ or "asgi.scope" in environ
        if endpoint is not None and self._answers_at_once and not known:
            # Nobody would see a record of it, and nothing runs that needs an id.
            reply = endpoint.at_once.get(environ.get("REQUEST_METHOD", ""))
            if reply is not None:
                return _carry(reply, start_response)
        if self._announce is not None and not (endpoint and endpoint.quiet):
            self._announce_once()
        if known and (outer := outer_record(environ)) is not None:
            # Another middleware of ours, further out, sees to the record.
            environ[ENVIRON_KEY] = outer
            outer.adopt(self._log.policy, endpoint is not None)
            return self._respond(endpoint, environ, start_response)
        record = open_record(self._log, environ, endpoint is not None)
        environ[ENVIRON_KEY] = record
        try:
            if record.wanted or self._echo is not None:
                start_response = observed(record, start_response, self._echo)
            body = self._respond(endpoint, environ, start_response)
        except BaseException as error:
            record.fail(error)
            close_record(record)
            raise
        return watched(body, record, environ)

    def _respond(
        self,
        endpoint: Endpoint | None,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        if endpoint is None:
            return self._app(environ, start_response)
        return _carry(endpoint.answer(request_of(environ)), start_response)

    def _announce_once(self) -> None:
        announce, self._announce = self._announce, None
        if announce is not None:
            announce()


def observed(
    record: Summary, start_response: StartResponse, echo: str | None
) -> StartResponse:
    """Have a summary know the status that the server has taken.

    Args:
        record: the summary.
        start_response: the server's.
        echo: the response header that carries the request id, if there is to be one.
    """

    def observing(
        status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if echo is not None and not _has(headers, echo):
            headers = [*headers, (echo, record.rid)]
        if exc_info is None:
            write = start_response(status, headers)
        else:
            write = start_response(status, headers, exc_info)
        try:
            code = int(status[:3])
        except (TypeError, ValueError):
            # A status that is none is the server's to refuse, not ours.
            code = 0
        record.code = code if code >= 100 else 0
        return functools.partial(_write, record, write)

    return observing


def _has(headers: Iterable[tuple[str, str]], name: str) -> bool:
    wanted = name.lower()
    return any(header.lower() == wanted for header, _ in headers)


def _write(record: Summary, write: Callable[[bytes], object], data: bytes) -> object:
    try:
        written = write(data)
    except OSError:
        record.disconnected = True
        raise
    record.begun = True
    return written


def request_of(environ: WSGIEnvironment) -> Request:
    """Give the request in plain values."""
    headers = {
        key[len("HTTP_") :].lower().replace("_", "-"): value
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }
    method = environ.get("REQUEST_METHOD", "")
    return Request(method, environ.get("QUERY_STRING", ""), headers)


def _carry(reply: Response, start_response: StartResponse) -> Iterable[bytes]:
    phrase = _PHRASES.get(reply.status, "Unknown")
    start_response(f"{reply.status} {phrase}", list(reply.headers))
    return [reply.body]


def _is_file(body: object, environ: WSGIEnvironment) -> bool:
    # PEP 3333, "Optional Platform-Specific File Handling"; where the wrapper is a
    # function, what it gives is the file itself.
    wrapper = environ.get("wsgi.file_wrapper")
    if wrapper is None:
        return False
    if isinstance(wrapper, type):
        return isinstance(body, wrapper)
    return hasattr(body, "read")


def close_record(record: Summary) -> None:
    """Log a summary, and leave nothing of it behind."""
    try:
        record.close()
    finally:
        leave(record)


def watched(
    body: Iterable[bytes], record: Summary, environ: WSGIEnvironment
) -> Iterable[bytes]:
    """Have the summary closed at the end of a body, which is now if it is whole."""
    if type(body) not in _WHOLE:
        if not _is_file(body, environ):
            kind = SizedBody if hasattr(body, "__len__") else Body
            return kind(body, record)
        # The server sends it by itself, if it gets to see what it is.
        record.mark(sendfile=True)
    close_record(record)
    return body


class Body:
    """A response body that closes the summary at its end, however it ends.

    Who has made the request within another one goes on with that, which may be before
    the body's end: its summary is at hand then while something is asked of the body.
    """

    __slots__ = ("__weakref__", "_body", "_is_nested", "_iterator", "_record")

    def __init__(self, body: Iterable[bytes], record: Summary) -> None:
        self._body = body
        self._iterator: Iterator[bytes] | None = None
        self._record = record
        self._is_nested = record.former is not None
        if self._is_nested:
            leave(record)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        before = self._resume() if self._is_nested else None
        try:
            if self._iterator is None:
                self._iterator = iter(self._body)
            chunk = next(self._iterator)
        except StopIteration:
            self._record.close()
            raise
        except BaseException as error:
            self._record.fail(error)
            self._record.close()
            raise
        finally:
            if self._is_nested:
                at_hand.set(before)
        if chunk:
            # Before the first one that is not empty, servers send no headers.
            self._record.begun = True
        return chunk

    def close(self) -> None:
        """Close the body; the server calls it once the response is through."""
        record = self._record
        before = self._resume() if self._is_nested else None
        # Before what it would ask is gone with the body.
        record.ask_teller()
        if self._iterator is not None and not record.closed:
            # Begun and not ended: there is nobody any more to send the rest to.
            record.disconnected = True
        try:
            # What it is to send has been sent, or will never be.
            record.begun = True
            if hasattr(self._body, "close"):
                self._body.close()
        except BaseException as error:
            record.fail(error)
            raise
        finally:
            close_record(record)
            if self._is_nested:
                at_hand.set(before)

    def _resume(self) -> Summary | None:
        before = at_hand.get()
        at_hand.set(self._record)
        return before

    def __del__(self) -> None:
        # Some servers never call close, which PEP 3333 asks of them.
        if not self._record.closed:
            self._record.mark(incomplete=True)
        close_record(self._record)


class SizedBody(Body):
    """A body that tells its length, from which servers know a Content-Length."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]  # made only of what has one
