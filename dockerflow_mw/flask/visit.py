"""A request in the application, from where its summary is opened to where it ends."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING

import flask
from werkzeug.wrappers import Response

from dockerflow_mw.protocols.wsgi import (
    ENVIRON_KEY,
    Body,
    close_record,
    open_record,
    outer_record,
    watched,
)
from dockerflow_mw.summary import Summary

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from dockerflow_mw.flask.door import FlaskDoor


class Visit:
    """How far a request has come in an application.

    Its summary is opened where it is made, unless another middleware of ours, further
    out, has done that and sees to it.

    Args:
        door: the front door of the application.
        environ: the request.
        is_served: whether the door is told when all is over.

    Attributes:
        begun: whether the application knows of it.
        endpoint: what answers it, if that is one of ours.
        failed: whether the application has raised.
        finished: whether there is a response, and the summary has what it is told.
        former: the visit that this one was made within, in the same context.
        is_own: whether the summary is the door's to close.
        length: of the body of an error page or a redirect, of which nobody may read on
            after the last byte, as tests do not.
        record: the summary.
        streams: whether the body is still to be made.
    """

    __slots__ = (
        *("begun", "door", "endpoint", "environ", "failed", "finished", "former"),
        *("is_own", "is_served", "length", "record", "streams"),
    )

    def __init__(
        self, door: FlaskDoor, environ: WSGIEnvironment, is_served: bool
    ) -> None:
        self.door = door
        self.environ = environ
        self.is_served = is_served
        self.begun = self.failed = self.finished = self.streams = False
        self.length: int | None = None
        self.endpoint = door.find(environ.get("PATH_INFO", ""))
        if self.endpoint is None and not door.started:
            door.start()
            self.endpoint = door.find(environ.get("PATH_INFO", ""))
        probe = self.endpoint is not None
        known = ENVIRON_KEY in environ or "asgi.scope" in environ
        record = outer_record(environ) if known else None
        self.is_own = record is None
        if record is None:
            record = open_record(door.log, environ, probe)
        else:
            record.adopt(door.log.policy, probe)
        self.record = environ[ENVIRON_KEY] = record
        self.former = visits.get()
        visits.set(self)

    def expect(self, response: Response) -> None:
        """Take down whether a response's body is still to be made, and its length."""
        code = response.status_code
        self.streams = _has_body(code, self.environ)
        is_known = code >= 300 and not response.direct_passthrough
        self.length = response.content_length if is_known else None

    def watch(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """Have the summary closed at the end of a body that is still to be made."""
        if self.length is None:
            return watched(body, self.record, self.environ)
        return KnownBody(body, self.record, self.length)


visits: ContextVar[Visit | None] = ContextVar("visit", default=None)
"""The visit at hand; None outside of requests."""


def visit_of(door: FlaskDoor) -> Visit:
    """Give the visit at hand; it begins here where others have Flask's wsgi_app."""
    visit, environ = visits.get(), flask.request.environ
    if visit is not None and visit.door is door and visit.environ is environ:
        return visit
    return Visit(door, environ, is_served=False)


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
