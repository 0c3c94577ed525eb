"""The request summary: one truthful record for each request.

The middleware opens a summary, and closes it when the last byte has gone. What
the application knows and the protocol does not, it adds from wherever it is::

    from dockerflow_mw import summary

    summary.add_fields(uid=user.id, route="/users/{id}")
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, cast

from dockerflow_mw.logging.encoding import safe_repr, safe_str
from dockerflow_mw.logging.formatter import BLANK_RECORD
from dockerflow_mw.logging.handler import complain
from dockerflow_mw.redact import redact_query
from dockerflow_mw.request_id import request_at_hand

if TYPE_CHECKING:
    from dockerflow_mw.summary.log import RequestLog
    from dockerflow_mw.summary.policy import SummaryPolicy

logger = logging.getLogger("request.summary")

# What every summary has.
_FIELDS = ("agent", "path", "method", "code", "errno", "lang", "uid", "rid", "t")

# What a client sends, and an application may have a reason not to log.
_SENT = {"agent": "", "lang": "", "path": "", "querystring": None}

# The names that an application cannot give to fields of its own, whether or not the
# summary at hand has them. Applications number their errors themselves and know their
# users, so that errno and uid are theirs.
_TAKEN = BLANK_RECORD | {
    *(name for name in _FIELDS if name not in ("errno", "uid")),
    *("querystring", "error", "disconnected", "incomplete", "sendfile"),
    *("sample_rate", "type", "close_code", "trace_id", "span_id"),
    *dir(logging.LogRecord),
}

at_hand = cast("ContextVar[Summary | None]", request_at_hand)
"""The summary of the request that is being served; None outside of requests."""


class Summary:
    """The record of one request, as far as it has come.

    From when it is made until it is left, it is that of the request at hand.

    Args:
        log: what the requests of a middleware have in common.
        headers: the request's headers, from which its id and its trace are read.
        method: its method.
        path: its path, mount point included, decoded.
        agent: its User-Agent header, as the protocol has it, or an empty string.
        lang: its Accept-Language header, likewise.
        query: its query string, as it was sent.
        probe: whether it is for one of our own paths.

    Attributes:
        begun: whether the client has got the beginning of a response.
        closed: whether the record is logged, or was found not to be worth it.
        code: the status that the client got.
        disconnected: whether the client went away before the end.
        error: the repr of what the application raised.
        fields: what the application added.
        former: the request that this one was made within, in the same context.
        marks: what else is to be said of how the request went.
        message: the text of what the application raised.
        querystring: the query string, or None to leave it out.
        rid: the request id.
        teller: adds what an adapter knows by the end; it must not raise.
        trace: the trace that the request belongs to, if its headers told of one.
        wanted: whether any outcome of the request could be logged when it began.
    """

    __slots__ = (
        "_policy",
        "_started",
        "agent",
        "begun",
        "closed",
        "code",
        "disconnected",
        "error",
        "fields",
        "former",
        "lang",
        "marks",
        "message",
        "method",
        "path",
        "probe",
        "querystring",
        "rid",
        "teller",
        "trace",
        "wanted",
    )

    def __init__(
        self,
        log: RequestLog,
        headers: Mapping[Any, Any],
        method: str,
        path: str,
        agent: str | bytes,
        lang: str | bytes,
        query: str | bytes,
        probe: bool = False,
    ) -> None:
        # All here, because each function of its own would be called for each request.
        self._started = perf_counter_ns()
        policy, ids = log.policy, log.ids
        self._policy: SummaryPolicy = policy
        self.method = method
        self.path = path
        self.agent = agent
        self.lang = lang
        self.rid = ids.read(headers)
        self.querystring = query if log.logs_querystring else None
        self.trace = ids.read_trace(headers) if ids.traces else None
        self.probe = probe
        self.begun = False
        self.closed = False
        self.code = 0
        self.disconnected = False
        self.error: str | None = None
        self.fields: dict[str, Any] | None = None
        self.marks: dict[str, Any] | None = None
        self.message = ""
        self.teller: Callable[[Summary], None] | None = None
        try:
            logger = policy.logger
            # Without one, it may be logged by a door further in; see `adopt`.
            self.wanted = logger is None or logger.isEnabledFor(policy.highest_level)
        except Exception as error:
            self.wanted = False
            complain(f"No request summary can be logged: {safe_repr(error)}.")
        former = at_hand.get()
        self.former = None if former is None else still_open(former)
        at_hand.set(self)

    def name_user(self, uid: Any) -> None:
        """Take down who the user is, unless the application has said so itself."""
        self.fields = {"uid": uid, **(self.fields or {})}

    def ask_teller(self) -> None:
        """Have an adapter add what it knows, at the first call and never again."""
        teller, self.teller = self.teller, None
        if teller is not None:
            teller(self)

    @property
    def failed(self) -> bool:
        """Whether it went wrong, which a client that goes away is not."""
        return self.code >= 500 or (self.error is not None and not self.disconnected)

    def fail(self, error: BaseException) -> None:
        """Take down what the application raised.

        What it had said of a response of which nothing has gone does not hold then.
        """
        if not self.begun:
            self.code = 0
        # In words, because the exception's traceback would hold this object.
        self.error = safe_repr(error)
        self.message = safe_str(error)

    def adopt(self, policy: SummaryPolicy, probe: bool) -> None:
        """Have the record serve a middleware further in as well.

        Args:
            policy: what it is logged by, unless it is by its own.
            probe: whether the request is for a path of that middleware's own.
        """
        self.probe |= probe
        if self._policy.logger is None:
            self._policy = policy

    def mark(self, **marks: Any) -> None:
        """Say more of how the request went, under names of our own."""
        self.marks = {**(self.marks or {}), **marks}

    def amend(self, fields: Mapping[str, Any]) -> None:
        """Take over what the application made of the fields that `as_fields` gave.

        What is new is added. What a client sends may be replaced or left out; what
        was measured stays.
        """
        known = self.as_fields(0)
        for name, nothing in _SENT.items():
            value = fields.get(name)
            if value != known.get(name):
                setattr(self, name, nothing if value is None else _text(value))
        added = {
            name: value
            for name, value in fields.items()
            if name not in _SENT and (name not in known or known[name] != value)
        }
        self.fields = {**(self.fields or {}), **added}

    def close(self) -> None:
        """Log the record, at the first call and never again; raises nothing."""
        if self.closed:
            return
        self.closed = True
        if not self.wanted:
            # What was sent may not have been looked at.
            return
        if not self.code:
            # Nothing was sent: the server answers for the application, or the
            # client is gone, for which nginx's 499 has become the custom.
            self.code = 499 if self.disconnected else 500
        try:
            if self.teller is not None:
                self.ask_teller()
            self._policy.log(self, (perf_counter_ns() - self._started) // 1_000_000)
        except Exception as error:
            complain(f"A request summary was lost: {safe_repr(error)}.")

    def forgo(self) -> None:
        """Close the record without logging it."""
        self.closed = True

    def as_fields(self, milliseconds: int) -> dict[str, Any]:
        """Give the fields of the record.

        Args:
            milliseconds: how long the request took.
        """
        agent, lang, code = self.agent, self.lang, self.code
        fields = {
            "agent": agent if isinstance(agent, str) else agent.decode("latin-1"),
            "path": self.path,
            "method": self.method,
            "code": code,
            "errno": 0,
            "lang": lang if isinstance(lang, str) else lang.decode("latin-1"),
            "uid": "",
            "rid": self.rid,
            "t": milliseconds,
        }
        if (code >= 500 or self.error is not None) and self.failed:
            fields["errno"] = max(code, 500)
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
                fields[f"fields.{name}" if name in _TAKEN else name] = value
        return fields


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return value.decode("latin-1") if isinstance(value, bytes) else safe_str(value)


def current() -> Summary | None:
    """Give the summary of the request at hand; None outside of requests."""
    return at_hand.get()


def leave(summary: Summary) -> None:
    """Give the request that this one was made in its place back, if there is one.

    Nothing is left of the summary then; in a context that is not its own, nothing is
    changed. What a request has left behind that never ended is not given back.
    """
    if at_hand.get() is summary:
        former = summary.former
        at_hand.set(None if former is None else still_open(former))


def still_open(summary: Summary | None) -> Summary | None:
    """Give a summary, or if it is closed, the one that it was made within."""
    while summary is not None and summary.closed:
        summary = summary.former
    return summary


def add_fields(**fields: Any) -> None:
    """Add fields to the summary of the request at hand; does nothing without one.

    ``uid`` and ``errno`` are the application's to set. A name that is the
    summary's own, or the logging module's, is kept with ``fields.`` before it.
    """
    summary = at_hand.get()
    if summary is None:
        return
    summary.fields = {**(summary.fields or {}), **fields}
