"""The request summary: one log record for each request.

A middleware opens a summary when a request arrives, and logs it at the end of the
response. The application adds fields from any code in the request's context::

    from dockerflow_mw import summary

    summary.add_fields(uid=user.id, route="/users/{id}")
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from time import perf_counter_ns
from typing import Any, TypeAlias, cast

from dockerflow_mw.logging.encoding import safe_repr, safe_str
from dockerflow_mw.logging.formatter import BLANK_RECORD
from dockerflow_mw.logging.handler import complain
from dockerflow_mw.redact import redact_query
from dockerflow_mw.request_id import current_request

__all__ = ["Summary", "add_fields", "current"]

logger = logging.getLogger("request.summary")

# The status that nginx logs for a client that disconnected without a response.
CLIENT_CLOSED_REQUEST = 499

_FIELDS = ("agent", "path", "method", "code", "errno", "lang", "uid", "rid", "t")

# The fields that a client sends, each with its value if the application removes it.
_SENT_BY_CLIENT = {"agent": "", "lang": "", "path": "", "querystring": None}

# Reserved names. An application's field of such a name is logged as "fields.<name>".
# The application may set errno and uid, so these two are not reserved.
_RESERVED = BLANK_RECORD | {
    *(name for name in _FIELDS if name not in ("errno", "uid")),
    *("querystring", "error", "disconnected", "incomplete", "sendfile"),
    *("sample_rate", "type", "close_code", "trace_id", "span_id"),
    *dir(logging.LogRecord),
}

_current = cast("ContextVar[Summary | None]", current_request)

OnClose: TypeAlias = Callable[["Summary", int], None]
"""Logs a summary; takes it and the duration of the request in milliseconds."""


class Summary:
    """The fields of one request's log record, collected while it is served.

    A new summary becomes the current one of its context. `finish` logs the summary and
    restores the previous one.

    Args:
        rid: the request id.
        method: the method of the request.
        path: the decoded path.
        agent: the User-Agent header, as text or as the bytes of ASGI, or empty.
        lang: the Accept-Language header, as text or as the bytes of ASGI, or empty.
        on_close: logs the summary; None until `adopt` sets it.

    Attributes:
        adopted: True if an inner middleware of this package serves the request too.
        closed: True after `close` or `discard`; later changes are not logged.
        code: the HTTP status of the response; 0 while it is unknown.
        disconnected: True if the client disconnected before the end of the response.
        enabled: False if the logger drops every summary, whatever its status.
        error: the ``repr`` of the application's exception.
        fields: the fields that the application added.
        length: the bytes of a body that runs no more code of the application, or None.
        marks: fields that a protocol middleware added with `mark`.
        message: the text of the application's exception.
        outer: the summary of the calling request, if the application called itself.
        probe: True if the request is for an endpoint of this package.
        querystring: the query string, or None to leave it out.
        started: True once the server has accepted the start of a response.
        trace: the trace and span ids of the request headers, or None.
    """

    adopted: bool = False
    closed: bool = False
    code: int = 0
    disconnected: bool = False
    enabled: bool = True
    error: str | None = None
    fields: Mapping[str, Any] | None = None
    length: int | None = None
    marks: Mapping[str, Any] | None = None
    message: str = ""
    outer: Summary | None = None
    probe: bool = False
    querystring: str | bytes | None = None
    started: bool = False
    trace: Mapping[str, str] | None = None

    def __init__(
        self,
        rid: str,
        method: str,
        path: str,
        agent: str | bytes,
        lang: str | bytes,
        on_close: OnClose | None,
    ) -> None:
        self._start = perf_counter_ns()
        self._on_close = on_close
        self.rid = rid
        self.method = method
        self.path = path
        self.agent = agent
        self.lang = lang
        previous = activate(self)
        if previous is not None:
            self.outer = _nearest_open(previous)

    @property
    def failed(self) -> bool:
        """True for a 5xx status, or an exception while the client was connected.

        A probe fails by an exception only.
        """
        if self.probe and self.error is None:
            # A failed check logs a record of its own. An error for each probe would
            # repeat the alert.
            return False
        return self.code >= 500 or (self.error is not None and not self.disconnected)

    def add_fields(self, fields: Mapping[str, Any]) -> None:
        """Add fields of the application. A later value replaces an earlier one."""
        self.fields = {**(self.fields or {}), **fields}

    def set_user(self, uid: Any) -> None:
        """Set the field ``uid``, unless the application has set it."""
        self.fields = {"uid": uid, **(self.fields or {})}

    def mark(self, **marks: Any) -> None:
        """Add fields of a protocol middleware, such as ``incomplete=True``."""
        self.marks = {**(self.marks or {}), **marks}

    def record_exception(self, error: BaseException) -> None:
        """Record the exception that the application raised.

        If the response has not started, reset the status to 0.
        """
        if not self.started:
            self.code = 0
        # Store text: the traceback of the exception would keep this summary alive.
        self.error = safe_repr(error)
        self.message = safe_str(error)

    def adopt(self, on_close: OnClose | None, probe: bool) -> None:
        """Let an inner middleware of this package share this summary.

        Args:
            on_close: logs the summary, if the outer middleware does not.
            probe: whether the request is for an endpoint of the inner middleware.
        """
        self.adopted = True
        self.probe |= probe
        if self._on_close is None:
            self._on_close = on_close

    def amend(self, fields: Mapping[str, Any]) -> None:
        """Merge a copy of `as_fields` that the application has changed.

        Add new fields. Replace or reset the fields that the client sent. Keep measured
        fields.
        """
        known = self.as_fields(0)
        for name, removed in _SENT_BY_CLIENT.items():
            value = fields.get(name)
            if value != known.get(name):
                setattr(self, name, removed if value is None else _text(value))
        self.add_fields(
            {
                name: value
                for name, value in fields.items()
                if name not in _SENT_BY_CLIENT
                and (name not in known or known[name] != value)
            }
        )

    def close(self) -> None:
        """Log the summary once. If logging fails, write a line to stderr."""
        if self.closed:
            return
        self.closed = True
        if not self.enabled:
            return
        if not self.code:
            # If the application sent no status, the server answers 500.
            self.code = CLIENT_CLOSED_REQUEST if self.disconnected else 500
        if self._on_close is None:
            return
        try:
            self._on_close(self, (perf_counter_ns() - self._start) // 1_000_000)
        except Exception as error:
            complain(f"A request summary was lost: {safe_repr(error)}.")

    def discard(self) -> None:
        """Close the summary without logging it."""
        self.closed = True

    def finish(self) -> None:
        """Close the summary. If it is current, restore the outer summary."""
        try:
            self.close()
        finally:
            if _current.get() is self:
                activate(None if self.outer is None else _nearest_open(self.outer))

    def as_fields(self, milliseconds: int) -> dict[str, Any]:
        """Return the fields of the log record in a new dictionary.

        Args:
            milliseconds: the duration of the request.
        """
        agent, lang, code = self.agent, self.lang, self.code
        fields = {
            "agent": agent if isinstance(agent, str) else agent.decode("latin-1"),
            "path": self.path,
            "method": self.method,
            "code": code,
            "errno": max(code, 500) if self.failed else 0,
            "lang": lang if isinstance(lang, str) else lang.decode("latin-1"),
            "uid": "",
            "rid": self.rid,
            "t": milliseconds,
        }
        if self.querystring is not None:
            fields["querystring"] = redact_query(_query_text(self.querystring))
        if self.error is not None:
            fields["error"] = self.error
        if self.disconnected:
            fields["disconnected"] = True
        if self.trace is not None:
            fields.update(self.trace)
        if self.marks is not None:
            fields.update(self.marks)
        if self.fields is not None:
            for name, value in self.fields.items():
                fields[f"fields.{name}" if name in _RESERVED else name] = value
        return fields


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return value.decode("latin-1") if isinstance(value, bytes) else safe_str(value)


def _query_text(query: str | bytes) -> str:
    """Return a query string, whose bytes are UTF-8 or else latin-1, as text."""
    text = query if isinstance(query, str) else query.decode("latin-1")
    try:
        # PEP 3333: QUERY_STRING is bytes read as latin-1. Django decodes it under ASGI.
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def current() -> Summary | None:
    """Return the summary of the current request; None outside of requests."""
    return _current.get()


def activate(summary: Summary | None) -> Summary | None:
    """Make a summary the current one of this context, and return the previous one."""
    previous = _current.get()
    _current.set(summary)
    return previous


def _nearest_open(summary: Summary) -> Summary | None:
    """Return the summary, or its nearest open outer summary if it is closed."""
    found: Summary | None = summary
    while found is not None and found.closed:
        found = found.outer
    return found


def add_fields(**fields: Any) -> None:
    """Add fields to the summary of the current request, if there is one.

    The application may set ``uid`` and ``errno``. If a name is reserved for the
    summary or for the logging module, the field is called ``fields.<name>``.
    """
    summary = current()
    if summary is not None:
        summary.add_fields(fields)
