"""The id of the current request: read from a header, or generated.

The request id is a context variable that is empty again after the request.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar, Token, copy_context
from typing import Any, ParamSpec, Protocol, TypeAlias, TypeVar

__all__ = ["get_or_generate_request_id", "request_id_context", "trace_fields", "wrap"]

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_HEADER_NAME = "X-Request-ID"
MAX_LENGTH = 128

Trace: TypeAlias = dict[str, str]


class CurrentRequest(Protocol):
    """The request that the current context serves.

    Attributes:
        rid: the request id.
        trace: the ids of the request's trace; None without a trace header.
    """

    rid: str
    trace: Trace | None


current_request: ContextVar[CurrentRequest | None] = ContextVar("request", default=None)
"""The request that the current context serves; None outside of requests."""

# An id that the application set, and the id of the request in which it was set.
# Without the second id, the first would outlive its request.
_Override: TypeAlias = tuple[str | None, str | None]
_override: ContextVar[_Override | None] = ContextVar("request_id", default=None)


class RequestIdContext:
    """A context variable that holds the id of the current request.

    An id that is set within a request holds until the request ends. An id that is set
    outside of requests holds until the context ends.
    """

    name = "request_id"

    def get(self, default: str | None = None) -> str | None:
        """Return the current id; outside of requests the default."""
        request_id = _current_id()
        override = _override.get()
        if override is not None and override[1] == request_id:
            return override[0]
        return default if request_id is None else request_id

    def set(self, value: str | None) -> Token[_Override | None]:
        """Set another id, and return the token that `reset` takes."""
        return _override.set((value, _current_id()))

    def reset(self, token: Token[_Override | None]) -> None:
        """Restore the id before a `set` in the same context."""
        _override.reset(token)


def _current_id() -> str | None:
    request = current_request.get()
    return None if request is None else request.rid


request_id_context = RequestIdContext()
"""The id of the current request; None outside of requests."""

# The characters of UUIDs and of the ids of nginx and Amazon. No such id can break a
# header or a log line.
_HARMLESS = re.compile(rf"[0-9A-Za-z._:/+=@-]{{1,{MAX_LENGTH}}}")

# W3C Trace Context, section 3.2: zeros alone are no valid id, and ff is no version.
_TRACEPARENT = re.compile(
    r"""(?P<version>(?!ff)[0-9a-f]{2})
        -(?P<trace_id>(?!0{32})[0-9a-f]{32})
        -(?P<span_id>(?!0{16})[0-9a-f]{16})
        -(?P<rest>.*)""",
    re.X | re.S,
)

# Google Cloud: TRACE_ID/SPAN_ID;o=OPTIONS with a decimal SPAN_ID. Only TRACE_ID is
# required.
_CLOUD_TRACE_CONTEXT = re.compile(
    r"(?P<trace_id>(?!0{32})[0-9a-f]{32})(?:/(?P<span>[^;]*))?(?:;.*)?", re.I | re.S
)


def generate() -> str:
    """Return a new id of 32 hexadecimal digits, the form of nginx's ``$request_id``."""
    return os.urandom(16).hex()


def _traceparent(value: str) -> Trace | None:
    found = _TRACEPARENT.fullmatch(value)
    if found is None:
        return None
    # Version 00 ends with the flags. Later versions may add parts after them.
    if found["version"] == "00" and "-" in found["rest"]:
        return None
    return {"trace_id": found["trace_id"], "span_id": found["span_id"]}


def _cloud_trace_context(value: str) -> Trace | None:
    found = _CLOUD_TRACE_CONTEXT.fullmatch(value)
    if found is None:
        return None
    trace = {"trace_id": found["trace_id"].lower()}
    span = found["span"] or ""
    if re.fullmatch("[0-9]{1,20}", span) and 0 < int(span) < 2**64:
        trace["span_id"] = f"{int(span):016x}"
    return trace


TRACE_HEADERS: dict[str, Callable[[str], Trace | None]] = {
    "traceparent": _traceparent,
    "x-cloud-trace-context": _cloud_trace_context,
}
"""The headers, in lower case, whose value is a trace; its id is the request id."""


def trace_fields() -> Trace:
    """Return the ``trace_id`` and ``span_id`` of the current request.

    If OpenTelemetry is in use, the ids are those of its current span. Otherwise they
    are those of the request's headers, or none.
    """
    opentelemetry = sys.modules.get("opentelemetry.trace")
    if opentelemetry is not None:
        # While another thread imports the module, it is incomplete; without this, a
        # log call would raise AttributeError.
        with contextlib.suppress(Exception):
            span = opentelemetry.get_current_span().get_span_context()
            if span.is_valid:
                return {
                    "trace_id": f"{span.trace_id:032x}",
                    "span_id": f"{span.span_id:016x}",
                }
    request = current_request.get()
    return (request and request.trace) or {}


class RequestIdReader:
    """A reader of request ids from the headers of one protocol.

    Args:
        header_names: the names of the headers to read, in any letter case. An earlier
            header goes before a later one.
        key: returns the key of a header name in the mappings to read.

    Attributes:
        traces: whether one of the headers carries a trace.
    """

    __slots__ = ("_sources", "traces")

    def __init__(self, header_names: Iterable[str], key: Callable[[str], object]):
        self._sources = tuple(
            (key(name), TRACE_HEADERS.get(name.lower())) for name in header_names
        )
        self.traces = any(parse is not None for _, parse in self._sources)

    def read(self, headers: Mapping[Any, Any]) -> str:
        """Return the first acceptable id in the headers, or a new one."""
        for key, parse in self._sources:
            value = headers.get(key)
            if value is None:
                continue
            text = _text(value)
            if parse is not None:
                text = (parse(text) or {}).get("trace_id", "")
            if _HARMLESS.fullmatch(text):
                return text
        return generate()

    def read_trace(self, headers: Mapping[Any, Any]) -> Trace | None:
        """Return the first trace in the headers; None without a trace."""
        for key, parse in self._sources:
            value = headers.get(key)
            trace = parse and value is not None and parse(_text(value))
            if trace:
                return trace
        return None


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def get_or_generate_request_id(
    headers: Mapping[str, str], header_name: str | None = None
) -> str:
    """Return the id in the headers, or a new one.

    Args:
        headers: the request's headers, with names in any letter case.
        header_name: the name of the header to read; the default is ``X-Request-ID``.
    """
    wanted = (header_name or DEFAULT_HEADER_NAME).lower()
    reader = RequestIdReader([wanted], str)
    return reader.read({name.lower(): value for name, value in headers.items()})


def wrap(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function that runs in the context of the current request.

    A thread of an executor starts with an empty context, without a request id::

        executor.submit(wrap(send_mail), address)

    Raises:
        TypeError: the function is a coroutine function; a task copies the context.
    """
    if inspect.iscoroutinefunction(function):
        message = f"{function!r} is a coroutine function; a task needs no wrap()."
        raise TypeError(message)
    context = copy_context()

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        # Two threads cannot enter one context at the same time: copy it for each call.
        return context.copy().run(function, *args, **kwargs)

    return wrapped
