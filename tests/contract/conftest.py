from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.doors import DOORS, Door


@pytest.fixture(params=DOORS, ids=lambda door: door.__name__)
def door(request: pytest.FixtureRequest) -> Callable[..., Door]:
    made: Callable[..., Door] = request.param
    return made
