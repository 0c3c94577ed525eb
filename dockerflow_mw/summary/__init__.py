"""The request summary: one log record for each request.

A middleware opens a summary when a request arrives and closes it after the last byte of
the response. The application adds fields from anywhere in its code::

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

# The fields that a client sends, each with the value that replaces a removed one.
_SENT_BY_CLIENT = {"agent": "", "lang": "", "path": "", "querystring": None}

# Names that an application's fields cannot have. Applications number their errors and
# know their users, so errno and uid are theirs to set.
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
    """The summary of one request, filled while the request is served.

    A new summary is the current one of its context until `finish`.

    Args:
        rid: the request id.
        method: the method of the request.
        path: its decoded path, mount point included.
        agent: its User-Agent header, as text or as the bytes of ASGI, or empty.
        lang: its Accept-Language header, likewise.
        querystring: its query string, or None to leave that out.
        trace: the trace of the request's headers, if they name one.
        probe: whether the request is for an endpoint of this package.
        enabled: whether any outcome of the request may be logged.
        on_close: logs the summary; None until `adopt` sets it.

    Attributes:
        adopted: whether an inner middleware of this package serves the request too.
        closed: whether the summary is logged or discarded.
        code: the HTTP status that the client received; 0 before it is known.
        disconnected: whether the client disconnected before the end of the response.
        error: the ``repr`` of the application's exception.
        fields: the fields that the application added.
        length: the Content-Length of the response, if it is known.
        marks: further fields that a protocol added, by `mark`.
        message: the text of the application's exception.
        outer: the open summary in whose context this one was made, for a request that
            the application sends to itself.
        started: whether the client received the start of a response.
    """

    __slots__ = (
        *("_on_close", "_start", "adopted", "agent", "closed", "code", "disconnected"),
        "enabled",
        *("error", "fields", "lang", "length", "marks", "message", "method", "outer"),
        *("path", "probe", "querystring", "rid", "started", "trace"),
    )

    def __init__(
        self,
        rid: str,
        method: str,
        path: str,
        agent: str | bytes,
        lang: str | bytes,
        querystring: str | bytes | None,
        trace: dict[str, str] | None,
        probe: bool,
        enabled: bool,
        on_close: OnClose | None,
    ) -> None:
        self._start = perf_counter_ns()
        self._on_close = on_close
        self.rid = rid
        self.method = method
        self.path = path
        self.agent = agent
        self.lang = lang
        self.querystring = querystring
        self.trace = trace
        self.probe = probe
        self.enabled = enabled
        self.adopted = False
        self.closed = False
        self.code = 0
        self.disconnected = False
        self.error: str | None = None
        self.fields: dict[str, Any] | None = None
        self.length: int | None = None
        self.marks: dict[str, Any] | None = None
        self.message = ""
        self.started = False
        previous = activate(self)
        self.outer = None if previous is None else _nearest_open(previous)

    @property
    def failed(self) -> bool:
        """Whether the request failed. A disconnected client is no failure."""
        return self.code >= 500 or (self.error is not None and not self.disconnected)

    def add_fields(self, fields: Mapping[str, Any]) -> None:
        """Add fields of the application."""
        self.fields = {**(self.fields or {}), **fields}

    def set_user(self, uid: Any) -> None:
        """Set the field ``uid``, unless the application did."""
        self.fields = {"uid": uid, **(self.fields or {})}

    def mark(self, **marks: Any) -> None:
        """Add fields that a protocol knows, such as ``incomplete=True``."""
        self.marks = {**(self.marks or {}), **marks}

    def record_exception(self, error: BaseException) -> None:
        """Record the exception that the application raised.

        If no part of the response was sent, its status is forgotten.
        """
        if not self.started:
            self.code = 0
        # Texts only: the traceback of the exception refers to this summary.
        self.error = safe_repr(error)
        self.message = safe_str(error)

    def adopt(self, on_close: OnClose | None, probe: bool) -> None:
        """Serve an inner middleware of this package as well.

        Args:
            on_close: logs the summary, if the outer middleware does not.
            probe: whether the request is for an endpoint of the inner middleware.
        """
        self.adopted = True
        self.probe |= probe
        if self._on_close is None:
            self._on_close = on_close

    def amend(self, fields: Mapping[str, Any]) -> None:
        """Take over changes that an application made to `as_fields`.

        New fields are added. The application may replace or remove a field that the
        client sent. Measured fields stay.
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
        """Log the summary on the first call. Exceptions of logging are reported."""
        if self.closed:
            return
        self.closed = True
        if not self.enabled:
            return
        if not self.code:
            # Without a status the server answers 500, unless the client is gone.
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
        """Close the summary and make the outer one current again.

        In a context that has another current summary, only close it.
        """
        try:
            self.close()
        finally:
            if _current.get() is self:
                activate(None if self.outer is None else _nearest_open(self.outer))

    def as_fields(self, milliseconds: int) -> dict[str, Any]:
        """Return the fields of the summary in a new dictionary.

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
            fields["querystring"] = redact_query(_text(self.querystring))
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


def current() -> Summary | None:
    """Return the summary of the current request, or None outside of requests."""
    return _current.get()


def activate(summary: Summary | None) -> Summary | None:
    """Make a summary the current one of this context, and return the previous one."""
    previous = _current.get()
    _current.set(summary)
    return previous


def _nearest_open(summary: Summary) -> Summary | None:
    """Return the summary, or if it is closed the nearest open one around it."""
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
