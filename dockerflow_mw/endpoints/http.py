"""Requests and replies in plain values, which know of no protocol."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import ClassVar, Self
from urllib.parse import parse_qs


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """A request for one of our own paths.

    Attributes:
        method: ``GET``, ``HEAD`` or another one, which is answered 405.
        query: the query string, without its question mark.
        headers: the headers, with their names in lower case.
    """

    method: str = "GET"
    query: str = ""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def parameters(self) -> dict[str, list[str]]:
        """Give the parameters of the query, with those that have no value."""
        return parse_qs(self.query, keep_blank_values=True, errors="replace")

    def carries(self, token: str) -> bool:
        """Tell whether the request has a bearer token: RFC 6750, section 2.1.

        Never in the URL, which ends up in logs.
        """
        return bearer(token)(self)


def bearer(token: str) -> Callable[[Request], bool]:
    """Make what tells whether a request has a bearer token; see `Request.carries`."""
    # Few deployments have a token, and those that have one know it at the start.
    from hmac import compare_digest

    wanted = token.encode()

    def is_carried(request: Request) -> bool:
        header = request.headers.get("authorization", "")
        scheme, _, credentials = header.partition(" ")
        given = credentials.strip().encode("utf-8", "surrogatepass")
        return compare_digest(given, wanted) and scheme.lower() == "bearer"

    return is_carried


@dataclasses.dataclass(frozen=True, slots=True)
class Response:
    """A response, which a protocol carries as it is.

    Attributes:
        encoded: the headers in bytes, with names in lower case: RFC 9113, section 8.2.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    encoded: tuple[tuple[bytes, bytes], ...] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        encoded = [(k.lower().encode(), v.encode("latin-1")) for k, v in self.headers]
        # Once, and not each time that a load balancer asks.
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
        """Make a reply with the headers that every reply of ours has."""
        common = (
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
        )
        return cls(status, common + headers, body)

    @classmethod
    def json(cls, status: int, value: object) -> Self:
        """Make a reply of a JSON value.

        Raises:
            TypeError, ValueError, RecursionError: it is no JSON value.
        """
        body = json.dumps(value, allow_nan=False).encode()
        return cls.of(status, body, content_type="application/json")

    def head(self) -> Self:
        """Give the reply to HEAD: RFC 9110, section 9.3.2, the headers of GET alone."""
        return dataclasses.replace(self, body=b"")


_METHOD_NOT_ALLOWED = Response.of(
    405, b"Method Not Allowed\n", headers=(("Allow", "GET, HEAD"),)
)


class Endpoint:
    """One of the paths that the middleware answers itself.

    Attributes:
        at_once: by method, the answers for which nothing has to be known.
        quiet: whether nothing may be logged on the way to the answer.
    """

    at_once: ClassVar[Mapping[str, Response]] = {}
    quiet: ClassVar[bool] = False

    def respond(self, request: Request) -> Response:
        """Answer GET."""
        raise NotImplementedError

    async def arespond(self, request: Request) -> Response:
        """Answer GET on an event loop."""
        return self.respond(request)

    def answer(self, request: Request) -> Response:
        """Answer a request of any method."""
        if request.method == "GET":
            return self.respond(request)
        if request.method == "HEAD":
            return self.respond(request).head()
        return _METHOD_NOT_ALLOWED

    async def aanswer(self, request: Request) -> Response:
        """Answer a request of any method on an event loop."""
        if request.method == "GET":
            return await self.arespond(request)
        if request.method == "HEAD":
            return (await self.arespond(request)).head()
        return _METHOD_NOT_ALLOWED
