"""One small application in many frameworks: `/page` responds and `/boom` raises."""

from __future__ import annotations

from typing import NoReturn

PAGE = b"a page"

BOOM = RuntimeError("boom")
"""The exception of `/boom`: one object, so that tests can compare identities."""


def boom() -> NoReturn:
    """Raise the exception, without the traceback of an earlier call."""
    raise BOOM.with_traceback(None)
