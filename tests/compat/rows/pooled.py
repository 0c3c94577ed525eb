"""The part of Sanic-Redis that both packages use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


class Pooled:
    """A client that is its own pool of connections."""

    @property
    def conn(self) -> Any:
        """An awaitable of a context manager, as in Sanic-Redis."""

        async def connect() -> Any:
            return self._pooled()

        return connect()

    @contextlib.contextmanager
    def _pooled(self) -> Iterator[Pooled]:
        yield self
