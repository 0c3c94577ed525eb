"""The request id: taken from a header when harmless, else made, and never left over."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any

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


def _from_traceparent(value: str) -> str | None:
    # W3C Trace Context, section 3.2: version-traceid-parentid-flags; an id of
    # zeros is invalid.
    parts = value.split("-")
    if len(parts) < 4 or len(parts[1]) != 32 or not parts[1].strip("0"):
        return None
    return parts[1] if not parts[1].strip("0123456789abcdef") else None


def _from_cloud_trace_context(value: str) -> str | None:
    # Google Cloud: TRACE_ID/SPAN_ID;o=OPTIONS, where all but the first may lack.
    return accept(value.partition("/")[0].partition(";")[0])


TRACE_HEADERS: dict[str, Callable[[str], str | None]] = {
    "traceparent": _from_traceparent,
    "x-cloud-trace-context": _from_cloud_trace_context,
}
"""The headers, in lower case, whose value holds more than the id, and how to get it."""


class RequestIdReader:
    """Reads the request id from the headers of one protocol.

    Args:
        header_names: the headers to look at, in order, in any letter case.
        key: turns a header's name into its key in the mappings that are read.
    """

    __slots__ = ("_sources",)

    def __init__(self, header_names: Iterable[str], key: Callable[[str], object]):
        self._sources = tuple(
            (key(name), TRACE_HEADERS.get(name.lower(), accept))
            for name in header_names
        )

    def read(self, headers: Mapping[Any, Any]) -> str:
        """Give the first acceptable id of the headers, or a new one."""
        for key, extract in self._sources:
            value = headers.get(key)
            if value is None:
                continue
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            if (request_id := extract(text)) is not None:
                return request_id
        return generate()


def get_or_generate_request_id(
    headers: Mapping[str, str], header_name: str | None = None
) -> str:
    """Give the id that the headers carry, or a new one.

    Args:
        headers: the request's headers, in any letter case.
        header_name: the header to read, by default ``X-Request-ID``.
    """
    wanted = (header_name or DEFAULT_HEADER_NAME).lower()
    extract = TRACE_HEADERS.get(wanted, accept)
    for name, value in headers.items():
        if name.lower() == wanted and (request_id := extract(value)) is not None:
            return request_id
    return generate()
