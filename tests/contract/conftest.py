"""The fixture of the contract suite: every test runs once for each door.

A door is a way into the middleware: a bare WSGI or ASGI application, or the adapter of
a framework. Each has a class as in `tests.doors`, whose objects serve requests without
a network.
"""

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

# The nox session compat installs one framework at a time.
DOORS: tuple[Callable[..., doors.Door], ...] = (
    *doors.DOORS,
    *(
        pkgutil.resolve_name(path)
        for path in FRAMEWORK_DOORS
        if importlib.util.find_spec(path.split(".")[1]) is not None
    ),
)

# The rows that a framework makes impossible, by their ids, with the reason.
IMPOSSIBLE = {
    "DjangoASGI-\\xff\\xfe": "Django responds 400 to a query that is not UTF-8.",
    "DjangoASGI-an empty path": "Django has no view for an empty path under ASGI.",
    "DjangoWSGI-/\\xff\\xfe": "Django escapes this path as /%FF%FE.",
    "DjangoWSGI-/\\xed\\xa0\\x80": "Django escapes this path as /%ED%A0%80.",
    "FastAPIDoor-a newline at the end": "Starlette's route matches this path as well.",
    **{
        f"FastAPIDoor-/__{name}__/": "FastAPI redirects to the path of the route."
        for name in ("version", "heartbeat", "lbheartbeat")
    },
    "FastAPIDoor-the error endpoint, turned off": (
        "The router is made before the settings are read; its route responds 404."
    ),
    "SanicDoor-\\xff\\xfe": "Sanic refuses a query that is not ASCII.",
    "SanicDoor-bytes of UTF-8": "Sanic refuses a query that is not ASCII.",
    "SanicDoor-query3": "Sanic refuses a URL of more than 65535 bytes.",
    "SanicDoor-path2": "Sanic refuses a URL of more than 65535 bytes.",
    "test_a_group_with_an_unknown_check_is_500_and_logged[SanicDoor]": (
        "An unknown check stops the start of a Sanic server."
    ),
}


@pytest.fixture(params=DOORS, ids=lambda door: door.__name__)
def door(request: pytest.FixtureRequest) -> Iterator[Callable[..., doors.Door]]:
    """Yield the class of a door, which takes a page and the settings."""
    for row in (request.node.callspec.id, request.node.name):
        if row in IMPOSSIBLE:
            pytest.skip(IMPOSSIBLE[row])
    yield request.param
    # Django's settings belong to the process; its doors restore the previous ones.
    getattr(request.param, "close", tuple)()
