from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


class Timeout(BaseException):
    """A timeout that is not an Exception, as ``gevent.Timeout``."""


class TimeoutHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise Timeout


@pytest.fixture
def logging_timeout() -> Iterator[type[BaseException]]:
    """Make the logging of summaries raise a timeout, and yield its class."""
    logger, handler = logging.getLogger("request.summary"), TimeoutHandler()
    logger.addHandler(handler)
    yield Timeout
    logger.removeHandler(handler)
