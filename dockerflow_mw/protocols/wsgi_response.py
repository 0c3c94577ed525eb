"""Records the response of a WSGI application in a summary (PEP 3333)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any, cast

from dockerflow_mw.summary import Summary, activate

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

# The types of bodies whose iteration runs no code of the application. Servers test for
# these exact types, so such a body is returned unchanged.
_COMPLETE = frozenset({list, tuple, bytes, str, type(None)})


def observe_start(
    summary: Summary, start_response: StartResponse, echo: str | None
) -> StartResponse:
    """Return a start_response that records the status.

    Args:
        summary: the summary of the request.
        start_response: the server's function.
        echo: the response header that carries the request id; None adds no header.
    """

    def observed(
        status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if echo is not None and not _has(headers, echo):
            headers = [*headers, (echo, summary.rid)]
        if exc_info is None:
            write = start_response(status, headers)
        else:
            write = start_response(status, headers, exc_info)
        # Do not raise on an invalid status: the server rejects it.
        code = str(status)[:3]
        summary.code = int(code) if code.isascii() and code.isdecimal() else 0
        return functools.partial(_write, summary, write)

    return observed


def _has(headers: Iterable[tuple[str, str]], name: str) -> bool:
    return any(header.lower() == name.lower() for header, _ in headers)


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
    """Return a body that logs the summary at its end.

    If the body runs no more code of the application, log the summary at once and return
    the body unchanged.
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
    # function, as in uWSGI, it returns the file object.
    wrapper = environ.get("wsgi.file_wrapper")
    if wrapper is None:
        return False
    if isinstance(wrapper, type):
        return isinstance(body, wrapper)
    return hasattr(body, "read")


class Body:
    """A response body that logs the summary at its end.

    The body ends at the end of the iteration, at an exception, at `close`, or after the
    bytes of ``Summary.length``, whichever comes first.

    If a nested request streams, its caller continues between the chunks. So its summary
    is current only while the body runs. After the last byte this holds for any summary.
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
            # PEP 3333: an empty chunk sends nothing, not even the headers.
            return
        summary = self._summary
        summary.started = True
        self._sent += len(chunk)
        if summary.length is not None and self._sent >= summary.length:
            # Test clients may never ask for the end, nor call close().
            summary.finish()
            self._detached = True

    def close(self) -> None:
        """Close the body, and log the summary. Servers call it after the response."""
        summary = self._summary
        previous = activate(summary) if self._detached else None
        if self._iterator is not None and not summary.closed:
            # The server stopped before the end of the body: assume a disconnect.
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
        # Some servers never call close(), although PEP 3333 requires it.
        if not self._summary.closed:
            self._summary.mark(incomplete=True)
        self._summary.finish()


class SizedBody(Body):
    """A body that keeps its length, which servers need for a Content-Length."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(cast("Sized", self._body))
