"""What is added to a Django request, in a sync and in an async stack."""

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

from dockerflow_mw.django import receivers
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
from tests.benchmarks.table import Bound, Row
from tests.benchmarks.wsgi import calls

OURS = "dockerflow_mw.django.middleware.DockerflowMiddleware"
THEIRS = "dockerflow.django.middleware.DockerflowMiddleware"


def page(request: HttpRequest) -> HttpResponse:
    """Answer."""
    return HttpResponse("a page")


async def apage(request: HttpRequest) -> HttpResponse:
    """Answer."""
    return HttpResponse("a page")


def first(app_configs: Any, **kwargs: Any) -> list[Any]:
    """Find nothing."""
    return []


def second(app_configs: Any, **kwargs: Any) -> list[Any]:
    """Find nothing."""
    return []


def third(app_configs: Any, **kwargs: Any) -> list[Any]:
    """Find nothing."""
    return []


CHECKS = (first, second, third)


class Nothing(HealthCheck):  # type: ignore[misc]  # it has no types
    """Finds nothing."""

    def run(self) -> None:
        """Find nothing."""


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
    """Make the site, in which our app is not installed: its signals are global."""
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
    """Make a handler with its middleware."""
    with override_settings(MIDDLEWARE=list(middleware)):
        return handler()


def unconnected(around: Around = contextlib.nullcontext) -> Around:
    """Have Django's signals without what our middleware connects to them."""

    @contextlib.contextmanager
    def without_receivers() -> Iterator[None]:
        uid = f"dockerflow_mw.{receivers.leave.__name__}"
        signals.request_finished.disconnect(dispatch_uid=uid)
        with around():
            yield
        receivers.connect()

    return without_receivers


def acalls(app: Any, path: str = "/apage") -> Run:
    """Make a candidate of an application that listens for a disconnect."""
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
    """Measure."""
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
    yield samples.row(f"{what}, a summary written", bound=Bound(0.40))
    yield samples.row(
        f"{what}, a summary written, by each one's MozlogHandler",
        ours="ours, handler",
        theirs="their handler",
        beside=PEER,
    )
