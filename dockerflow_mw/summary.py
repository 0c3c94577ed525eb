"""The request summary: one truthful record for each request.

The middleware opens a summary, and closes it when the last byte has gone. What
the application knows and the protocol does not, it adds from wherever it is::

    from dockerflow_mw import summary

    summary.add_fields(uid=user.id, route="/users/{id}")
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from time import perf_counter_ns
from typing import Any
from urllib.parse import unquote

from dockerflow_mw.encoder import safe_repr, safe_str
from dockerflow_mw.handler import complain
from dockerflow_mw.redact import redact

logger = logging.getLogger("request.summary")

_BLANK_RECORD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}

# Applications number their errors themselves and know their users; the rest of
# the fields are measured, and stay as they are.
_APPLICATION_OWNS = frozenset({"errno", "uid"})

_current: ContextVar[Summary | None] = ContextVar("summary", default=None)


class Summary:
    """The record of one request, as far as it has come.

    Attributes:
        agent: the User-Agent header.
        code: the status that the client got.
        disconnected: whether the client went away before the end.
        error: what the application raised.
        fields: what the application added.
        lang: the Accept-Language header.
        method: the method of the request.
        path: the path of the request, decoded.
        querystring: the query string as it was sent, or None to leave it out.
        rid: the request id.
    """

    __slots__ = (
        "_started",
        "agent",
        "code",
        "disconnected",
        "error",
        "fields",
        "lang",
        "method",
        "path",
        "querystring",
        "rid",
    )

    def __init__(
        self,
        method: str,
        path: str,
        agent: str,
        lang: str,
        rid: str,
        querystring: str | None = None,
    ) -> None:
        self._started = perf_counter_ns()
        self.agent = agent
        self.code = 0
        self.disconnected = False
        self.error: BaseException | None = None
        self.fields: dict[str, Any] | None = None
        self.lang = lang
        self.method = method
        self.path = path
        self.querystring = querystring
        self.rid = rid

    def close(self) -> None:
        """Log the record, at the first call and never again; raises nothing."""
        started, self._started = self._started, 0
        if not started:
            return
        try:
            self._log((perf_counter_ns() - started) // 1_000_000)
        except Exception as error:
            complain(f"A request summary was lost: {safe_repr(error)}.")

    @property
    def failed(self) -> bool:
        """Whether it went wrong, which a client that goes away is not."""
        return self.code >= 500 or (self.error is not None and not self.disconnected)

    def _log(self, milliseconds: int) -> None:
        if not self.code:
            # Nothing was sent: the server answers for the application, or the
            # client is gone, for which nginx's 499 has become the custom.
            self.code = 499 if self.disconnected else 500
        level = logging.ERROR if self.failed else logging.INFO
        if not logger.isEnabledFor(level):
            return
        message = "" if self.error is None else safe_str(self.error)
        record = logger.makeRecord(
            logger.name, level, "", 0, message, (), None, None, None
        )
        record.__dict__.update(self._fields(milliseconds))
        logger.handle(record)

    def _fields(self, milliseconds: int) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "agent": self.agent,
            "path": self.path,
            "method": self.method,
            "code": self.code,
            "errno": max(self.code, 500) if self.failed else 0,
            "lang": self.lang,
            "uid": "",
            "rid": self.rid,
            "t": milliseconds,
        }
        if self.querystring is not None:
            fields["querystring"] = redact(unquote(self.querystring))
        if self.error is not None:
            fields["error"] = safe_repr(self.error)
        if self.disconnected:
            fields["disconnected"] = True
        for name, value in (self.fields or {}).items():
            taken = name in fields and name not in _APPLICATION_OWNS
            fields[f"fields.{name}" if taken or name in _BLANK_RECORD else name] = value
        return fields


def current() -> Summary | None:
    """Give the summary of the request at hand; None outside of requests."""
    return _current.get()


def enter(summary: Summary | None) -> None:
    """Make a summary the one of the request at hand."""
    _current.set(summary)


def add_fields(**fields: Any) -> None:
    """Add fields to the summary of the request at hand; does nothing without one.

    ``uid`` and ``errno`` are the application's to set. A name that is the
    summary's own, or the logging module's, is kept with ``fields.`` before it.
    """
    summary = _current.get()
    if summary is None:
        return
    summary.fields = {**(summary.fields or {}), **fields}
