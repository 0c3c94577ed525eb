from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from dockerflow_mw.checks import default_registry
from tests.flask.site import Records


@pytest.fixture(autouse=True)
def _no_checks_of_others() -> Iterator[None]:
    default_registry.clear_checks()
    yield
    default_registry.clear_checks()


@pytest.fixture
def summaries(caplog: pytest.LogCaptureFixture) -> Records:
    """Return a function that lists the summaries logged so far."""
    caplog.set_level(logging.INFO)
    return lambda: [r for r in caplog.records if r.name == "request.summary"]
