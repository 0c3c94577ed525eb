"""The views and functions that the extension adds to a Flask application.

The WSGI middleware around ``app.wsgi_app`` answers the endpoints and logs the
summaries. The functions here add what only Flask knows: ``g.request_id``, the user, and
the exception behind an error page.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import flask
from werkzeug.wrappers import Response

from dockerflow_mw import endpoints
from dockerflow_mw.protocols import wsgi
from dockerflow_mw.protocols.wsgi_response import observe_body
from dockerflow_mw.service import Service
from dockerflow_mw.summary import Summary, current
from dockerflow_mw.summary.log import RequestLog

# The key in the environ that marks an unwrapped request.
UNWRAPPED_KEY = "dockerflow_mw.flask.unwrapped"


class Hooks:
    """The views and functions of one application.

    Connexion takes ``app.wsgi_app`` before the extension wraps it, and tests make
    request contexts without a server. For such an unwrapped request the functions here
    open and close the summary, and the views answer the endpoints.

    Args:
        service: the engine.
        get_logger: returns the logger of the summaries.
        complete: adds the user and the extra fields to a summary.
    """

    def __init__(
        self,
        service: Service,
        get_logger: Callable[[], logging.Logger],
        complete: Callable[[Summary], None],
    ) -> None:
        self._service = service
        self._get_logger = get_logger
        self._complete = complete

    def connect(self, app: flask.Flask) -> None:
        """Add the views and the functions to an application."""
        app.register_blueprint(self._blueprint())
        # Flask skips a function of before_request if an earlier one returns a response.
        flask.request_started.connect(self._start, app)
        flask.got_request_exception.connect(self._record, app)
        app.after_request(self._finish)
        app.teardown_request(self._tear_down)

    def _blueprint(self) -> flask.Blueprint:
        """Return the views, for ``/__error__``, ``flask routes`` and ``url_for``."""
        blueprint = flask.Blueprint("dockerflow", __name__)
        for path in endpoints.paths(self._service.settings):
            # Werkzeug would read "<" as the start of a variable.
            if "<" not in path:
                name = path.strip("/_").replace(".", "_")
                blueprint.add_url_rule(path, name, self._view, strict_slashes=False)
        return blueprint

    def _view(self) -> flask.Response:
        environ = flask.request.environ
        self._service.start()
        # In request.path Werkzeug has merged the slashes of "//__version__".
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        endpoint = self._service.endpoints.get(path.removesuffix("/"))
        if endpoint is None:
            flask.abort(404)
        if (summary := current()) is not None:
            summary.probe = True
        response = endpoint.answer(wsgi.request_from(environ))
        # For a body in bytes Flask would replace the Content-Length of HEAD.
        return flask.Response([response.body], response.status, list(response.headers))

    def _start(self, sender: flask.Flask, **_: Any) -> None:
        environ = flask.request.environ
        summary = wsgi.outer_summary(environ) or self._open(environ)
        environ[wsgi.SUMMARY_KEY] = summary
        flask.g.request_id = summary.rid

    def _open(self, environ: dict[str, Any]) -> Summary:
        """Open the summary of an unwrapped request."""
        self._service.start()
        settings, logger = self._service.settings, self._get_logger()
        log = RequestLog(settings, wsgi.environ_key, logger)
        environ[UNWRAPPED_KEY] = True
        summary = wsgi.open_summary(log, environ, probe=False)
        flask.after_this_request(functools.partial(self._close, summary))
        return summary

    def _close(self, summary: Summary, response: flask.Response) -> flask.Response:
        """Close the summary of an unwrapped request at the end of its response."""
        summary.code = response.status_code
        echo = self._service.settings.response_header_name
        if echo is not None:
            response.headers.setdefault(echo, summary.rid)
        if response.is_sequence:
            response.call_on_close(summary.finish)
        else:
            body: Any = response.response
            response.response = observe_body(body, summary, flask.request.environ)
        return response

    def _record(self, sender: flask.Flask, exception: BaseException, **_: Any) -> None:
        if (summary := current()) is not None:
            summary.record_exception(exception)

    def _finish(self, response: flask.Response) -> flask.Response:
        if (summary := current()) is not None:
            self._complete(summary)
            summary.length = _length_of(response)
        return response

    def _tear_down(self, error: BaseException | None) -> None:
        if error is None:
            return
        environ = flask.request.environ
        summary: Summary | None = environ.get(wsgi.SUMMARY_KEY)
        if summary is None or summary.closed or summary.code:
            return
        # There is no response, so the server receives the exception.
        self._complete(summary)
        if UNWRAPPED_KEY in environ:
            summary.record_exception(error)
            summary.finish()


def _length_of(response: Any) -> int | None:
    """Return the length of a body that Flask made as a whole, or None for a stream."""
    if not isinstance(response, Response):
        return None
    if response.is_sequence:
        return response.calculate_content_length()
    # Flask turns the page of an exception into a stream with a Content-Length.
    return response.content_length if response.status_code >= 300 else None
