from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.django.door import DjangoASGI, DjangoWSGI


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Give Django's settings back that a door has put in force."""
    yield
    DjangoASGI.close()
    DjangoWSGI.close()


@pytest.fixture
def info(caplog: pytest.LogCaptureFixture) -> None:
    """Take down what is logged from INFO on."""
    caplog.set_level(logging.INFO)
