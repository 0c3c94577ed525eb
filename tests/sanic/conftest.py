from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def summaries(caplog: pytest.LogCaptureFixture) -> Callable[[], list[Any]]:
    """Return a function that returns the summaries so far."""
    caplog.set_level(logging.INFO)
    return lambda: [r for r in caplog.records if r.name == "request.summary"]
