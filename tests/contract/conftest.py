from __future__ import annotations

import importlib.util
import pkgutil
from collections.abc import Callable, Iterator

import pytest

from tests import doors

FRAMEWORK_DOORS = (
    "tests.django.door:DjangoASGI",
    "tests.django.door:DjangoWSGI",
    "tests.fastapi.door:FastAPIDoor",
    "tests.flask.door:FlaskDoor",
    "tests.sanic.door:SanicDoor",
)

# Those of frameworks that are there: the session compat has one at a time.
DOORS: tuple[Callable[..., doors.Door], ...] = (
    *doors.DOORS,
    *(
        pkgutil.resolve_name(path)
        for path in FRAMEWORK_DOORS
        if importlib.util.find_spec(path.split(".")[1]) is not None
    ),
)

# The rows that a framework makes impossible, by their ids, and why.
IMPOSSIBLE = {
    "DjangoASGI-\\xff\\xfe": "Django itself answers 400 to a query that is not UTF-8.",
    "DjangoASGI-an empty path": "Django itself has no page at an empty path.",
    "DjangoWSGI-/\\xff\\xfe": "Django has such a path as /%FF%FE, and we as well.",
    "DjangoWSGI-/\\xed\\xa0\\x80": "Django has such a path as /%ED%A0%80.",
    "FastAPIDoor-a newline at the end": "To Starlette, a path may end in a newline.",
    "FastAPIDoor-the error endpoint, not asked for": (
        "A router has its routes before there are settings; turned off, it is a 404."
    ),
    "SanicDoor-\\xff\\xfe": "Sanic itself refuses a query that is not ASCII.",
    "SanicDoor-query3": "Sanic itself refuses a URL of more than 65535 bytes.",
    "test_a_group_of_an_unknown_check_fails_and_says_so[SanicDoor]": (
        "Sanic is started before it serves, and the mistake stops the start."
    ),
    "SanicDoor-path2": "Sanic itself refuses a URL of more than 65535 bytes.",
}


@pytest.fixture(params=DOORS, ids=lambda door: door.__name__)
def door(request: pytest.FixtureRequest) -> Iterator[Callable[..., doors.Door]]:
    for row in (request.node.callspec.id, request.node.name):
        if row in IMPOSSIBLE:
            pytest.skip(IMPOSSIBLE[row])
    yield request.param
    # Where a framework has one set of settings, the door has put its own in force.
    getattr(request.param, "close", tuple)()
