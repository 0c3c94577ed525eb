from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.checks.builtin.faults import CHECK_TIMEOUT, WEB_SERVERS, WebServer


@pytest.fixture(params=WEB_SERVERS, ids=["WSGI", "ASGI"])
def web_server(request: pytest.FixtureRequest) -> Iterator[WebServer]:
    made = request.param(check_timeout=CHECK_TIMEOUT)
    yield made
    made.close()
