"""The parts that the scenarios of both protocols share.

A scenario runs twice, without the middleware and with it. The server must see the same
calls, messages and exceptions both times. The second run must log one summary.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

BOOM = ValueError("boom")


@dataclasses.dataclass(frozen=True)
class Expected:
    """The expected fields of a summary."""

    code: int
    errno: int = 0
    level: int = logging.INFO
    disconnected: bool = False
    error: str | None = None


OK = Expected(200)
FAILED = Expected(500, 500, logging.ERROR, error="ValueError('boom')")
FAILED_MIDWAY = Expected(200, 500, logging.ERROR, error="ValueError('boom')")
DISCONNECTED = Expected(200, disconnected=True)
ERROR_500 = Expected(500, 500, logging.ERROR)
ERROR_503 = Expected(503, 503, logging.ERROR)
INCOMPLETE = Expected(
    200,
    500,
    logging.ERROR,
    error="The application returned before the end of its response.",
)


def logged_by(caplog: pytest.LogCaptureFixture) -> Expected:
    """Return the fields of the only summary."""
    (found,) = (r for r in caplog.records if r.name == "request.summary")
    record: Any = found
    fields = vars(record)
    return Expected(
        record.code,
        record.errno,
        record.levelno,
        fields.get("disconnected", False),
        fields.get("error"),
    )


@contextlib.contextmanager
def recorded_exception(seen: list[Any]) -> Iterator[None]:
    """Suppress the exception of the block and append it to a list."""
    try:
        yield
    except (Exception, asyncio.CancelledError) as error:
        seen.append(error if error is BOOM else repr(error))


class ClosableBody:
    """A body with a close method, which may raise."""

    def __init__(self, *chunks: bytes, error: Exception | None = None) -> None:
        self.chunks = iter(chunks)
        self.error = error

    def __iter__(self) -> Iterator[bytes]:
        return self.chunks

    def close(self) -> None:
        if self.error is not None:
            raise self.error


def serve_wsgi(app: Any, chunks: int | None) -> list[Any]:
    """Return the calls and chunks that a server sees.

    Args:
        app: the application.
        chunks: the number of chunks that the server reads; None for all.
    """
    seen: list[Any] = []

    def start_response(
        status: str, headers: Any, exc_info: Any = None
    ) -> Callable[[bytes], None]:
        seen.append((status, headers, exc_info))
        return lambda data: seen.append(("written", data))

    environ = {"PATH_INFO": "/", "REQUEST_METHOD": "GET"}
    with contextlib.ExitStack() as stack:
        stack.enter_context(recorded_exception(seen))
        body = app(environ, start_response)
        if hasattr(body, "close"):
            stack.callback(body.close)
        iterator = iter(body) if chunks != 0 else iter(())
        seen.extend(next(iterator, None) for _ in range(chunks or 100))
    return seen
