"""The request summary: one truthful record for each request.

The middleware opens a summary, and closes it when the last byte has gone. What
the application knows and the protocol does not, it adds from wherever it is::

    from dockerflow_mw import summary

    summary.add_fields(uid=user.id, route="/users/{id}")
"""

from __future__ import annotations

import logging
import random
from contextvars import ContextVar
from time import perf_counter_ns
from typing import Any, TypeAlias

from dockerflow_mw.encoder import safe_repr, safe_str
from dockerflow_mw.formatter import BLANK_RECORD
from dockerflow_mw.handler import complain
from dockerflow_mw.redact import redact_query
from dockerflow_mw.request_id import Trace, request_id_context, trace_context
from dockerflow_mw.settings import Settings

logger = logging.getLogger("request.summary")

# Applications number their errors themselves and know their users; the rest of
# the fields are measured, and stay as they are.
_APPLICATION_OWNS = frozenset({"errno", "uid"})

# What the context held before: a summary, a request id and a trace.
Former: TypeAlias = "tuple[Summary | None, str | None, Trace | None]"

_current: ContextVar[Summary | None] = ContextVar("summary", default=None)


class Summary:
    """The record of one request, as far as it has come.

    Args:
        policy: what is logged of which requests.
        method: the method of the request.
        path: the path of the request, decoded.
        agent: the User-Agent header.
        lang: the Accept-Language header.
        rid: the request id.
        querystring: the query string as it was sent, or None to leave it out.
        probe: whether the request is for one of our own paths.

    Attributes:
        code: the status that the client got.
        disconnected: whether the client went away before the end.
        error: the repr of what the application raised.
        fields: what the application added.
        marks: what else is to be said of how the request went.
        message: the text of what the application raised.
    """

    __slots__ = (
        "_former",
        "_policy",
        "_started",
        "agent",
        "code",
        "disconnected",
        "error",
        "fields",
        "lang",
        "marks",
        "message",
        "method",
        "path",
        "probe",
        "querystring",
        "rid",
    )

    def __init__(
        self,
        policy: SummaryPolicy,
        method: str,
        path: str,
        agent: str,
        lang: str,
        rid: str,
        querystring: str | None = None,
        probe: bool = False,
    ) -> None:
        self._started = perf_counter_ns()
        self._former: Former = (None, None, None)
        self._policy = policy
        self.agent = agent
        self.code = 0
        self.disconnected = False
        self.error: str | None = None
        self.fields: dict[str, Any] | None = None
        self.lang = lang
        self.marks: dict[str, Any] | None = None
        self.message = ""
        self.method = method
        self.path = path
        self.probe = probe
        self.querystring = querystring
        self.rid = rid

    @property
    def closed(self) -> bool:
        """Whether the record is logged, or was found not to be worth it."""
        return not self._started

    @property
    def failed(self) -> bool:
        """Whether it went wrong, which a client that goes away is not."""
        return self.code >= 500 or (self.error is not None and not self.disconnected)

    def fail(self, error: BaseException) -> None:
        """Take down what the application raised."""
        # In words, because the exception's traceback would hold this object.
        self.error = safe_repr(error)
        self.message = safe_str(error)

    def mark(self, **marks: Any) -> None:
        """Say more of how the request went, under names of our own."""
        self.marks = {**(self.marks or {}), **marks}

    def close(self) -> None:
        """Log the record, at the first call and never again; raises nothing."""
        started, self._started = self._started, 0
        if not started:
            return
        if not self.code:
            # Nothing was sent: the server answers for the application, or the
            # client is gone, for which nginx's 499 has become the custom.
            self.code = 499 if self.disconnected else 500
        try:
            self._policy.log(self, (perf_counter_ns() - started) // 1_000_000)
        except Exception as error:
            complain(f"A request summary was lost: {safe_repr(error)}.")

    def as_fields(self, milliseconds: int) -> dict[str, Any]:
        """Give the fields of the record.

        Args:
            milliseconds: how long the request took.
        """
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
            fields["querystring"] = redact_query(self.querystring)
        if self.error is not None:
            fields["error"] = self.error
        if self.disconnected:
            fields["disconnected"] = True
        if self.marks is not None:
            fields.update(self.marks)
        for name, value in (self.fields or {}).items():
            taken = name in fields and name not in _APPLICATION_OWNS
            fields[f"fields.{name}" if taken or name in BLANK_RECORD else name] = value
        return fields


class SummaryPolicy:
    """What is logged of which requests, and at which level.

    Args:
        settings: the middleware's settings.
    """

    def __init__(self, settings: Settings) -> None:
        self._levels = dict(settings.summary_levels)
        self._log_probes = settings.log_probes
        self._paths = frozenset(p for p in settings.exclude_paths if p[-1:] != "*")
        self._prefixes = tuple(p[:-1] for p in settings.exclude_paths if p[-1:] == "*")
        self._sample = settings.sample
        self._slow = int(settings.slow_seconds * 1000)

    def log(self, summary: Summary, milliseconds: int) -> None:
        """Log a summary, if it is of those that are logged.

        Args:
            summary: what came of the request.
            milliseconds: how long it took.
        """
        level = self._level(summary)
        if not logger.isEnabledFor(level) or self._is_left_out(summary):
            return
        sampled = self._sample < 1 and self._is_ordinary(summary, level, milliseconds)
        if sampled and random.random() >= self._sample:  # noqa: S311 - no secret
            return
        record = logger.makeRecord(
            logger.name, level, "", 0, summary.message, (), None, None, None
        )
        record.__dict__.update(summary.as_fields(milliseconds))
        if sampled:
            record.sample_rate = self._sample
        logger.handle(record)

    def _level(self, summary: Summary) -> int:
        if self._levels and summary.error is None:
            level = self._levels.get(summary.code)
            level = level or self._levels.get(summary.code // 100)
            if level:
                return level
        return logging.ERROR if summary.failed else logging.INFO

    def _is_left_out(self, summary: Summary) -> bool:
        if summary.probe:
            failures = self._log_probes == "failures"
            return self._log_probes == "none" or (failures and summary.code < 400)
        if summary.failed:
            return False
        path = summary.path
        return path in self._paths or path.startswith(self._prefixes)

    def _is_ordinary(self, summary: Summary, level: int, milliseconds: int) -> bool:
        quick = milliseconds < self._slow
        return level < logging.WARNING and quick and not summary.failed


def current() -> Summary | None:
    """Give the summary of the request at hand; None outside of requests."""
    return _current.get()


def enter(summary: Summary, trace: Trace | None = None) -> None:
    """Make a summary, its request id and its trace those of the request at hand."""
    former = _current.get()
    if former is None:
        summary._former = (None, request_id_context.get(), trace_context.get())
    elif not former.closed:
        summary._former = (former, former.rid, trace_context.get())
    request_id_context.set(summary.rid)
    trace_context.set(trace)
    _current.set(summary)


def leave(summary: Summary) -> None:
    """Give the request that this one was made in its place back, if there is one.

    Nothing is left of the summary then; in a context that is not its own, nothing is
    changed. What a request has left behind that never ended is not given back.
    """
    if _current.get() is not summary:
        return
    former, request_id, trace = summary._former
    _current.set(former)
    request_id_context.set(request_id)
    trace_context.set(trace)


def add_fields(**fields: Any) -> None:
    """Add fields to the summary of the request at hand; does nothing without one.

    ``uid`` and ``errno`` are the application's to set. A name that is the
    summary's own, or the logging module's, is kept with ``fields.`` before it.
    """
    summary = _current.get()
    if summary is None:
        return
    summary.fields = {**(summary.fields or {}), **fields}
