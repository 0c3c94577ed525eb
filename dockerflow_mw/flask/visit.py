"""A request in the application, from where its summary is opened to where it ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import flask

from dockerflow_mw.summary import Summary
from dockerflow_mw.wsgi import Body, close_record, watched

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


class Visit:
    """How far a request has come whose summary is the door's own.

    Args:
        record: the summary.
        is_served: whether the door is told when all is over.

    Attributes:
        failed: whether the application has raised.
        finished: whether there is a response, and the summary has what it is told.
        length: of a response's body, where tests look at no more than the status.
        streams: whether the body is still to be made.
    """

    __slots__ = ("failed", "finished", "is_served", "length", "record", "streams")

    def __init__(self, record: Summary, is_served: bool) -> None:
        self.record = record
        self.is_served = is_served
        self.failed = self.finished = self.streams = False
        self.length: int | None = None

    def stream(self, response: flask.Response, environ: WSGIEnvironment) -> None:
        """Take down whether a body is still to be made, and how long it is."""
        code = response.status_code
        self.streams = _has_body(code, environ)
        is_known = code >= 300 and not response.direct_passthrough
        self.length = response.content_length if is_known else None

    def watch(self, body: Iterable[bytes], environ: WSGIEnvironment) -> Iterable[bytes]:
        """Have the summary closed at the end of a body that streams."""
        if self.length is None:
            return watched(body, self.record, environ)
        return KnownBody(body, self.record, self.length)


class KnownBody(Body):
    """A body that is over with the last byte of its length, read further or not.

    The pages that Flask makes of exceptions come as streams with all in one chunk.
    """

    __slots__ = ("_left",)

    def __init__(self, body: Iterable[bytes], record: Summary, length: int) -> None:
        super().__init__(body, record)
        self._left = length

    def __next__(self) -> bytes:
        chunk = super().__next__()
        self._left -= len(chunk)
        if self._left <= 0:
            close_record(self._record)
        return chunk


def give_back(former: Summary) -> None:
    """Have g tell the id of the request that another one was made in.

    Within a request, a test client has its application context, and so its g.
    """
    if not former.closed and flask.has_app_context() and "request_id" in flask.g:
        flask.g.request_id = former.rid


def _has_body(code: int, environ: WSGIEnvironment) -> bool:
    # RFC 9110, section 6.4.1: other answers have none.
    return (
        environ.get("REQUEST_METHOD") != "HEAD"
        and code >= 200
        and code not in (204, 304)
    )
