"""Database servers that tests share. A test that stops one starts it again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import services


@pytest.fixture(scope="session")
def postgres() -> Iterator[services.Service]:
    """Yield a running PostgreSQL server."""
    with services.postgres() as service:
        yield service


@pytest.fixture(scope="session")
def valkey() -> Iterator[services.Service]:
    """Yield a running Valkey server."""
    with services.valkey() as service:
        yield service
