"""The request id: taken from a header when harmless, else made, and never left over."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar, Token, copy_context
from typing import Any, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_HEADER_NAME = "X-Request-ID"
MAX_LENGTH = 128

Trace = dict[str, str]


class RequestAtHand(Protocol):
    """What is known of the request that is being served.

    Attributes:
        rid: its id.
        trace: the trace that it belongs to, if its headers told of one.
    """

    rid: str
    trace: Trace | None


request_at_hand: ContextVar[RequestAtHand | None] = ContextVar("request", default=None)
"""The request that is being served; None outside of requests."""

# An id that was set by hand, and the id of the request that it was set in.
_by_hand: ContextVar[tuple[str | None, str | None] | None] = ContextVar(
    "request_id", default=None
)


class RequestIdContext:
    """The id of the request that is being served, to be used as a context variable.

    An id that is set outside of requests holds until the context ends, one that is set
    within a request until the request does.
    """

    name = "request_id"

    def get(self, default: str | None = None) -> str | None:
        """Give the id; the default, or None, outside of requests."""
        request = request_at_hand.get()
        own = None if request is None else request.rid
        by_hand = _by_hand.get()
        if by_hand is not None and by_hand[1] == own:
            return by_hand[0]
        return default if own is None else own

    def set(self, value: str | None) -> Token[tuple[str | None, str | None] | None]:
        """Set another id, and give what `reset` takes to undo that."""
        request = request_at_hand.get()
        return _by_hand.set((value, None if request is None else request.rid))

    def reset(self, token: Token[tuple[str | None, str | None] | None]) -> None:
        """Undo a `set` of this context."""
        _by_hand.reset(token)


request_id_context = RequestIdContext()
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
    if not 0 < len(value) <= MAX_LENGTH:
        return None
    # Most ids are letters and digits alone, which is the quicker question.
    if value.isascii() and value.isalnum():
        return value
    return None if value.strip(_HARMLESS) else value


_HEX = "0123456789abcdef"


def _is_hex(value: str, length: int) -> bool:
    return len(value) == length and not value.strip(_HEX) and bool(value.strip("0"))


def _traceparent(value: str) -> Trace | None:
    # W3C Trace Context, section 3.2: version-traceid-parentid-flags, of which ids of
    # nothing but zeros are invalid, as is version ff; later versions may add parts.
    parts = value.split("-")
    if len(parts) < 4 or not _is_hex(parts[1], 32) or not _is_hex(parts[2], 16):
        return None
    version = parts[0]
    if len(version) != 2 or version.strip(_HEX) or version == "ff":
        return None
    if version == "00" and len(parts) != 4:
        return None
    return {"trace_id": parts[1], "span_id": parts[2]}


def _cloud_trace_context(value: str) -> Trace | None:
    # Google Cloud: TRACE_ID/SPAN_ID;o=OPTIONS, of which all but the first may lack,
    # and where the span is a decimal number.
    trace_id, _, span = value.lower().partition(";")[0].partition("/")
    if not _is_hex(trace_id, 32):
        return None
    decimal = span.isascii() and span.isdecimal() and len(span) <= 20
    if not (decimal and 0 < int(span) < 2**64):
        return {"trace_id": trace_id}
    return {"trace_id": trace_id, "span_id": f"{int(span):016x}"}


TRACE_HEADERS: dict[str, Callable[[str], Trace | None]] = {
    "traceparent": _traceparent,
    "x-cloud-trace-context": _cloud_trace_context,
}
"""The headers, in lower case, whose value is a trace; its id is the request's."""


def trace_fields() -> Trace:
    """Give the ``trace_id`` and ``span_id`` at hand.

    They are those of OpenTelemetry's current span, if that library is in use, or of
    the request's headers.
    """
    opentelemetry = sys.modules.get("opentelemetry.trace")
    if opentelemetry is not None:
        # Another thread may be importing it, and a log call must not fail for that.
        with contextlib.suppress(Exception):
            span = opentelemetry.get_current_span().get_span_context()
            if span.is_valid:
                return {
                    "trace_id": f"{span.trace_id:032x}",
                    "span_id": f"{span.span_id:016x}",
                }
    request = request_at_hand.get()
    return (request and request.trace) or {}


class RequestIdReader:
    """Reads the request id from the headers of one protocol.

    Args:
        header_names: the headers to look at, in order, in any letter case.
        key: turns a header's name into its key in the mappings that are read.

    Attributes:
        traces: whether there are headers among them that tell of a trace.
    """

    __slots__ = ("_first", "_sources", "traces")

    def __init__(self, header_names: Iterable[str], key: Callable[[str], object]):
        self._sources = tuple(
            (key(name), TRACE_HEADERS.get(name.lower())) for name in header_names
        )
        plain = [key for key, parse in self._sources[:1] if parse is None]
        # An empty name, because not every mapping of headers can be asked for None.
        self._first = plain[0] if plain else ""
        self.traces = any(parse is not None for _, parse in self._sources)

    def read(self, headers: Mapping[Any, Any]) -> str:
        """Give the first acceptable id of the headers, or a new one."""
        value = headers.get(self._first)
        if value is not None and len(value) <= MAX_LENGTH and value.isalnum():
            # What most ids are is the quickest to see.
            if value.__class__ is bytes:
                return str(value, "ascii")
            if value.isascii():
                return str(value)
        for key, parse in self._sources:
            value = headers.get(key)
            if value is None:
                continue
            text = value.decode("latin-1") if value.__class__ is bytes else value
            request_id = accept(text) if parse is None else _id_of(text, parse)
            if request_id is not None:
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


def _id_of(value: str, parse: Callable[[str], Trace | None]) -> str | None:
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

    Raises:
        TypeError: it is a coroutine function; a task has the context as it is.
    """
    if inspect.iscoroutinefunction(function):
        message = f"{function!r} is a coroutine function; a task needs no wrap()."
        raise TypeError(message)
    context = copy_context()

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        # A copy for each call, because a context can be entered once at a time.
        return context.copy().run(function, *args, **kwargs)

    return wrapped
