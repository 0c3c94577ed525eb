from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dockerflow_mw.checks import clear_checks
from tests.fastapi.door import FastAPIDoor


@pytest.fixture(autouse=True)
def _no_checks() -> Iterator[None]:
    clear_checks()
    yield
    clear_checks()


@pytest.fixture(autouse=True)
def _no_handler() -> Iterator[None]:
    yield
    FastAPIDoor.reset_logger()


@pytest.fixture
def summaries(caplog: pytest.LogCaptureFixture) -> Callable[[], list[Any]]:
    """Return a function that returns the summaries so far."""
    caplog.set_level(logging.INFO)
    return lambda: [r for r in caplog.records if r.name == "request.summary"]
