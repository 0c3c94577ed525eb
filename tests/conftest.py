"""Servers that many tests share; a test that stops one starts it again."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests import services


@pytest.fixture(scope="session")
def postgres() -> Iterator[services.Service]:
    """PostgreSQL."""
    with services.postgres() as service:
        yield service


@pytest.fixture(scope="session")
def valkey() -> Iterator[services.Service]:
    """Valkey."""
    with services.valkey() as service:
        yield service


class Late(BaseException):
    """What is no exception, as gevent's timeouts are none."""


@pytest.fixture
def late_logging(monkeypatch: pytest.MonkeyPatch) -> type[BaseException]:
    """Have the logging of summaries raise what is no exception, and give its class."""

    def fails(record: object) -> None:
        raise Late

    monkeypatch.setattr(logging.getLogger("request.summary"), "handle", fails)
    return Late
