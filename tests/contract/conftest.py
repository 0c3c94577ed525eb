from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import doors

DOORS: tuple[Callable[..., doors.Door], ...] = (*doors.DOORS,)


@pytest.fixture(params=DOORS, ids=lambda door: door.__name__)
def door(request: pytest.FixtureRequest) -> Callable[..., doors.Door]:
    made: Callable[..., doors.Door] = request.param
    return made
