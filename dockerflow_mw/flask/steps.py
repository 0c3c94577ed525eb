"""What the extension does around the steps that Flask takes to serve a request."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import flask
from werkzeug.wrappers import Response
from werkzeug.wsgi import ClosingIterator

from dockerflow_mw import summary
from dockerflow_mw.flask.visit import Visit, give_back, visit_of, visits
from dockerflow_mw.protocols.wsgi import close_record, observed, watched

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from dockerflow_mw.flask.door import FlaskDoor

g_at_hand: Any = flask.g._get_current_object
"""Gives what ``flask.g`` stands for, which is quicker to ask than the proxy."""


class Steps:
    """Stands around the steps of one application.

    They are what Flask's users may override, rather than the functions that these add:
    ours are the first before a request and the last after it, whatever is added later,
    and Flask takes its time to call each of those. What it calls these with is passed
    on, whatever its later releases make of that.

    Args:
        door: the front door of the application.
        app: the application.
    """

    def __init__(self, door: FlaskDoor, app: flask.Flask) -> None:
        self._door = door
        self._app = app
        self._preprocess = app.preprocess_request
        self._process = app.process_response
        self._tear_down = app.do_teardown_request
        self._wsgi_app = app.wsgi_app

    def open(self) -> None:
        """Take the places of the application's own."""
        overridden: Any = self._app
        overridden.preprocess_request = self._before
        overridden.process_response = self._after
        overridden.do_teardown_request = self._at_end
        # The functions after the request and those of the application context may
        # raise, which Flask tells nobody but the server.
        overridden.wsgi_app = self._serve
        flask.got_request_exception.connect(self._fail, self._app)

    def _serve(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        visit = Visit(self._door, environ, is_served=True)
        record = visit.record
        if visit.is_own:
            start_response = observed(record, start_response, self._door.echo)
        try:
            body = self._wsgi_app(environ, start_response)
        except BaseException as error:
            record.fail(error)
            if visit.is_own:
                close_record(record)
            raise
        else:
            if not visit.is_own:
                return body
            if not visit.finished or type(body) is not ClosingIterator:
                return watched(body, record, environ)
            # It is as Flask's own response gives it; who stands between has left it.
            if visit.streams:
                return visit.watch(body)
            close_record(record)
            return body
        finally:
            visits.set(visit.former)
            if record.former is not None:
                give_back(record.former)

    def _before(self, *context: Any) -> Any:
        visit = visits.get()
        if visit is None or visit.door is not self._door or visit.begun:
            visit = visit_of(self._door)
        visit.begun = True
        g_at_hand().request_id = visit.record.rid
        if visit.endpoint is None:
            return self._preprocess(*context)
        return self._door.answer(visit, visit.endpoint)

    def _fail(self, sender: flask.Flask, exception: BaseException, **_: Any) -> None:
        if flask.has_request_context():
            visit = visit_of(self._door)
            visit.record.fail(exception)
            visit.failed = True

    def _after(self, *args: Any) -> flask.Response:
        response = self._process(*args)
        visit = visits.get()
        if visit is None or visit.door is not self._door:
            visit = visit_of(self._door)
        record = visit.record
        self._door.tell(record)
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
        if self._door.echo is not None:
            response.headers.setdefault(self._door.echo, visit.record.rid)
        if visit.streams:
            body: Any = response.response
            response.response = visit.watch(body)
        else:
            visit.record.close()

    def _at_end(self, *args: Any) -> None:
        error = args[-1] if args else sys.exc_info()[1]
        try:
            self._tear_down(*args)
        finally:
            visit = visits.get()
            if visit is not None and not (error is None and visit.is_served):
                self._end(visit, error)

    def _end(self, visit: Visit, error: BaseException | None) -> None:
        if visit.door is not self._door or visit.environ is not flask.request.environ:
            return
        record = visit.record
        is_open = visit.is_own and not visit.finished and not record.closed
        if is_open and error is not None:
            self._door.tell(record)
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
