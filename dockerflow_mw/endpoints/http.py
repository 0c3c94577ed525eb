"""HTTP requests, responses and endpoints in plain values."""

from __future__ import annotations

import dataclasses
import hmac
import json
from collections.abc import Callable, Mapping
from typing import ClassVar, Self
from urllib.parse import parse_qs


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """A request for an endpoint.

    Attributes:
        method: the HTTP method.
        query: the query string, without its question mark.
        headers: the headers, with their names in lower case.
    """

    method: str = "GET"
    query: str = ""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def parameters(self) -> dict[str, list[str]]:
        """Return the parameters of the query string, blank ones included."""
        return parse_qs(self.query, keep_blank_values=True, errors="replace")


def bearer(token: str) -> Callable[[Request], bool]:
    """Return a function that checks a request for a bearer token (RFC 6750).

    A token in the URL does not count: URLs end up in logs.
    """
    expected = token.encode()

    def is_authorized(request: Request) -> bool:
        header = request.headers.get("authorization", "")
        scheme, _, credentials = header.partition(" ")
        given = credentials.strip().encode("utf-8", "surrogatepass")
        return hmac.compare_digest(given, expected) and scheme.lower() == "bearer"

    return is_authorized


@dataclasses.dataclass(frozen=True, slots=True)
class Response:
    """A response that any protocol can send.

    Attributes:
        status: the HTTP status.
        headers: pairs of a name and a value.
        body: the content.
        encoded: the headers in bytes with names in lower case, as ASGI sends them.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    encoded: tuple[tuple[bytes, bytes], ...] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        encoded = [(k.lower().encode(), v.encode("latin-1")) for k, v in self.headers]
        object.__setattr__(self, "encoded", tuple(encoded))

    @classmethod
    def of(
        cls,
        status: int,
        body: bytes = b"",
        *,
        content_type: str = "text/plain; charset=utf-8",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Self:
        """Return a response with the headers that all endpoints send."""
        common = (
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
        )
        return cls(status, common + headers, body)

    @classmethod
    def json(cls, status: int, value: object) -> Self:
        """Return a response with a JSON value.

        Raises:
            TypeError, ValueError, RecursionError: JSON cannot represent the value.
        """
        body = json.dumps(value, allow_nan=False).encode()
        return cls.of(status, body, content_type="application/json")

    def head(self) -> Self:
        """Return the response to HEAD: the headers of GET (RFC 9110, section 9.3.2)."""
        return dataclasses.replace(self, body=b"")


_METHOD_NOT_ALLOWED = Response.of(
    405, b"Method Not Allowed\n", headers=(("Allow", "GET, HEAD"),)
)


class Endpoint:
    """A path that the middleware answers itself.

    Attributes:
        fixed: the responses that never change, by method. A middleware sends them
            without running other code and without logging its start before.
    """

    fixed: ClassVar[Mapping[str, Response]] = {}

    def respond(self, request: Request) -> Response:
        """Return the response to GET."""
        raise NotImplementedError

    async def arespond(self, request: Request) -> Response:
        """Return the response to GET on an event loop."""
        return self.respond(request)

    def answer(self, request: Request) -> Response:
        """Return the response to a request of any method."""
        if request.method == "GET":
            return self.respond(request)
        if request.method == "HEAD":
            return self.respond(request).head()
        return _METHOD_NOT_ALLOWED

    async def aanswer(self, request: Request) -> Response:
        """Return the response to a request of any method on an event loop."""
        if request.method == "GET":
            return await self.arespond(request)
        if request.method == "HEAD":
            return (await self.arespond(request)).head()
        return _METHOD_NOT_ALLOWED
