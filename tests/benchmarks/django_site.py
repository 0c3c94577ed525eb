"""Time that a package adds to a Django request, in a sync and in an async stack."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import django
from django.conf import settings
from django.core import signals
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from health_check.base import HealthCheck
from health_check.views import HealthCheckView

from dockerflow_mw.django.service import finish_summary
from tests.benchmarks import logs
from tests.benchmarks.asgi import HEADERS, REQUEST_ID, answered, scope_of, send
from tests.benchmarks.measure import (
    PEER,
    Around,
    Effort,
    Run,
    Samples,
    awaited,
    interleaved,
    runner,
    within,
)
from tests.benchmarks.table import BOUNDS, Row
from tests.benchmarks.wsgi import calls

OURS = "dockerflow_mw.django.middleware.DockerflowMiddleware"
THEIRS = "dockerflow.django.middleware.DockerflowMiddleware"


def page(request: HttpRequest) -> HttpResponse:
    """Respond."""
    return HttpResponse("a page")


async def apage(request: HttpRequest) -> HttpResponse:
    """Respond."""
    return HttpResponse("a page")


def first(app_configs: Any, **kwargs: Any) -> list[Any]:
    """Return no message."""
    return []


def second(app_configs: Any, **kwargs: Any) -> list[Any]:
    """Return no message."""
    return []


def third(app_configs: Any, **kwargs: Any) -> list[Any]:
    """Return no message."""
    return []


CHECKS = (first, second, third)


class Nothing(HealthCheck):  # type: ignore[misc]  # HealthCheck is untyped
    """A check of django-health-check that passes."""

    def run(self) -> None:
        """Pass."""


class First(Nothing):
    """The first check."""


class Second(Nothing):
    """The second check."""


class Third(Nothing):
    """The third check."""


health = HealthCheckView.as_view(checks=[First, Second, Third])
urlpatterns = [path("page", page), path("apage", apage), path("health", health)]


@functools.cache
def set_up() -> None:
    """Configure the site without our app, whose signals would run for all."""
    settings.configure(
        ALLOWED_HOSTS=["*"],
        DOCKERFLOW_CHECKS=[f"{__name__}.{check.__name__}" for check in CHECKS],
        INSTALLED_APPS=[],
        LOGGING_CONFIG=None,
        MIDDLEWARE=[],
        ROOT_URLCONF=__name__,
        SECRET_KEY="made up",
    )
    django.setup()


def stack(handler: Callable[[], Any], *middleware: str) -> Any:
    """Return a handler with middleware."""
    with override_settings(MIDDLEWARE=list(middleware)):
        return handler()


def unconnected(around: Around = contextlib.nullcontext) -> Around:
    """Return a context without the receivers of our middleware."""

    @contextlib.contextmanager
    def without_receivers() -> Iterator[None]:
        signals.request_finished.disconnect(finish_summary)
        with around():
            yield
        signals.request_finished.connect(finish_summary)

    return without_receivers


def acalls(app: Any, path: str = "/apage") -> Run:
    """Return a candidate that calls an application, and stays connected."""
    scope = scope_of(path, [*HEADERS, REQUEST_ID])

    def receive() -> Any:
        messages = [{"type": "http.request", "body": b"", "more_body": False}]

        async def received() -> Any:
            if not messages:
                await asyncio.get_running_loop().create_future()
            return messages.pop()

        return received

    runner().run(answered(app, scope, receive()))
    return awaited(lambda: app(dict(scope), receive(), send))


def rows(effort: Effort) -> Iterator[Row]:
    """Yield the rows of this topic."""
    set_up()
    measure: Callable[[Any], Run]
    for kind, handler, measure in (
        ("sync", WSGIHandler, calls),
        ("async", ASGIHandler, acalls),
    ):
        yield from _rows(f"Django, {kind}", _samples(handler, measure, effort))


def _samples(
    handler: Callable[[], Any], measure: Callable[[Any], Run], effort: Effort
) -> Samples:
    bare = stack(handler)
    mine, theirs = stack(handler, OURS), stack(handler, THEIRS)
    their_handler = unconnected(logs.their_handler)
    return interleaved(
        {
            "bare": within(unconnected(), measure(bare)),
            "ours": within(logs.ours, measure(mine)),
            PEER: within(unconnected(logs.theirs), measure(theirs)),
            "ours, handler": within(logs.our_handler, measure(mine)),
            "their handler": within(their_handler, measure(theirs)),
        },
        effort,
    )


def _rows(what: str, samples: Samples) -> Iterator[Row]:
    measure = f"{what}, a summary written"
    yield samples.row(measure, bound=BOUNDS[measure])
    yield samples.row(
        f"{what}, a summary written, by each one's MozlogHandler",
        ours="ours, handler",
        theirs="their handler",
        beside=PEER,
    )
