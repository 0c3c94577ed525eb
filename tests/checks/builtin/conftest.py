from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.checks.builtin.faults import CHECK_TIMEOUT, LASTING_DOORS, LastingDoor


@pytest.fixture(params=LASTING_DOORS, ids=["WSGI", "ASGI"])
def door(request: pytest.FixtureRequest) -> Iterator[LastingDoor]:
    made = request.param(check_timeout=CHECK_TIMEOUT)
    yield made
    made.close()
