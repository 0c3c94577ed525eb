"""The same small site in every framework: `/page` answers and `/boom` raises."""

from __future__ import annotations

from typing import NoReturn

PAGE = b"a page"

BOOM = RuntimeError("boom")
"""What `/boom` raises: one object, so that a test can see that it is the same."""


def boom() -> NoReturn:
    """Raise without what an earlier call has left on the exception."""
    raise BOOM.with_traceback(None)
