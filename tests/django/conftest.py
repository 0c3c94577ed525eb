from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.django.door import DjangoASGI, DjangoWSGI


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Restore the settings that a door replaced."""
    yield
    DjangoASGI.close()
    DjangoWSGI.close()


@pytest.fixture
def info(caplog: pytest.LogCaptureFixture) -> None:
    """Capture log records from INFO on."""
    caplog.set_level(logging.INFO)
