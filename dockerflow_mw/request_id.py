"""The request id: taken from a header when harmless, else made, and never left over."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar, copy_context
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_HEADER_NAME = "X-Request-ID"
MAX_LENGTH = 128

request_id_context: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being served; None outside of requests."""

_HARMLESS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._:/+=@-"


def generate() -> str:
    """Make a new id: 32 hexadecimal digits, as nginx's ``$request_id`` has them."""
    return os.urandom(16).hex()


def accept(value: str) -> str | None:
    """Give back an id that is at most 128 harmless characters long, else None.

    Harmless are letters, digits and ``._:/+=@-``, which admits UUIDs, nginx's
    and Amazon's ids and nothing that could break a header or a log line.
    """
    if 0 < len(value) <= MAX_LENGTH and not value.strip(_HARMLESS):
        return value
    return None


_HEX = "0123456789abcdef"

Trace = dict[str, str]


def _is_hex(value: str, length: int) -> bool:
    return len(value) == length and not value.strip(_HEX) and bool(value.strip("0"))


def _traceparent(value: str) -> Trace | None:
    # W3C Trace Context, section 3.2: version-traceid-parentid-flags, of which ids of
    # nothing but zeros are invalid.
    parts = value.split("-")
    if len(parts) < 4 or not _is_hex(parts[1], 32) or not _is_hex(parts[2], 16):
        return None
    return {"trace_id": parts[1], "span_id": parts[2]}


def _cloud_trace_context(value: str) -> Trace | None:
    # Google Cloud: TRACE_ID/SPAN_ID;o=OPTIONS, of which all but the first may lack,
    # and where the span is a decimal number.
    trace_id, _, span = value.partition(";")[0].partition("/")
    if not _is_hex(trace_id.lower(), 32):
        return None
    if not (span.isascii() and span.isdecimal() and len(span) <= 20 and int(span)):
        return {"trace_id": trace_id}
    return {"trace_id": trace_id, "span_id": f"{int(span):016x}"}


TRACE_HEADERS: dict[str, Callable[[str], Trace | None]] = {
    "traceparent": _traceparent,
    "x-cloud-trace-context": _cloud_trace_context,
}
"""The headers, in lower case, whose value is a trace; its id is the request's."""

trace_context: ContextVar[Trace | None] = ContextVar("trace", default=None)
"""The trace that the request belongs to; None where the headers told of none."""


def trace_fields() -> Trace:
    """Give the ``trace_id`` and ``span_id`` at hand.

    They are those of OpenTelemetry's current span, if that library is in use, or of
    the request's headers.
    """
    opentelemetry = sys.modules.get("opentelemetry.trace")
    if opentelemetry is not None:
        span = opentelemetry.get_current_span().get_span_context()
        if span.is_valid:
            return {
                "trace_id": f"{span.trace_id:032x}",
                "span_id": f"{span.span_id:016x}",
            }
    return trace_context.get() or {}


class RequestIdReader:
    """Reads the request id from the headers of one protocol.

    Args:
        header_names: the headers to look at, in order, in any letter case.
        key: turns a header's name into its key in the mappings that are read.

    Attributes:
        traces: whether there are headers among them that tell of a trace.
    """

    __slots__ = ("_sources", "traces")

    def __init__(self, header_names: Iterable[str], key: Callable[[str], object]):
        self._sources = tuple(
            (key(name), TRACE_HEADERS.get(name.lower())) for name in header_names
        )
        self.traces = any(parse is not None for _, parse in self._sources)

    def read(self, headers: Mapping[Any, Any]) -> str:
        """Give the first acceptable id of the headers, or a new one."""
        for key, parse in self._sources:
            value = headers.get(key)
            if value is None:
                continue
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            if (request_id := _id_of(text, parse)) is not None:
                return request_id
        return generate()

    def read_trace(self, headers: Mapping[Any, Any]) -> Trace | None:
        """Give the first trace of the headers, if there is one."""
        for key, parse in self._sources:
            value = headers.get(key)
            if value is None or parse is None:
                continue
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            if (trace := parse(text)) is not None:
                return trace
        return None


def _id_of(value: str, parse: Callable[[str], Trace | None] | None) -> str | None:
    if parse is None:
        return accept(value)
    trace = parse(value)
    return None if trace is None else trace["trace_id"]


def get_or_generate_request_id(
    headers: Mapping[str, str], header_name: str | None = None
) -> str:
    """Give the id that the headers carry, or a new one.

    Args:
        headers: the request's headers, in any letter case.
        header_name: the header to read, by default ``X-Request-ID``.
    """
    wanted = (header_name or DEFAULT_HEADER_NAME).lower()
    reader = RequestIdReader([wanted], str)
    return reader.read({name.lower(): value for name, value in headers.items()})


def wrap(function: Callable[P, T]) -> Callable[P, T]:
    """Give a function that runs in the context of the request at hand.

    For threads and executors, which begin with an empty one::

        executor.submit(wrap(send_mail), address)
    """
    context = copy_context()

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        # A copy for each call, because a context can be entered once at a time.
        return context.copy().run(function, *args, **kwargs)

    return wrapped
