"""Time of a heartbeat with three quick checks in Django."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from django.core import checks
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

from tests.benchmarks import logs
from tests.benchmarks.django_site import (
    CHECKS,
    OURS,
    THEIRS,
    acalls,
    set_up,
    stack,
    unconnected,
)
from tests.benchmarks.measure import PEER, Effort, Run, interleaved, within
from tests.benchmarks.table import Row
from tests.benchmarks.wsgi import calls

PATH = "/__heartbeat__"
OTHER = "django-health-check"


def rows(effort: Effort) -> Iterator[Row]:
    """Yield the rows of this topic."""
    set_up()
    for check in CHECKS:
        checks.register(check)
    measure: Callable[[Any, str], Run]
    for kind, handler, measure in (
        ("sync", WSGIHandler, calls),
        ("async", ASGIHandler, acalls),
    ):
        yield from _rows(f"Django, {kind}, heartbeat", handler, measure, effort)
    checks.registry.registry.registered_checks.difference_update(CHECKS)


def _rows(
    what: str,
    handler: Callable[[], Any],
    measure: Callable[[Any, str], Run],
    effort: Effort,
) -> Iterator[Row]:
    bare, mine, theirs = (stack(handler, *m) for m in ((), (OURS,), (THEIRS,)))
    candidates = {
        "system": within(_system_checks, measure(mine, PATH)),
        "three": within(contextlib.nullcontext, measure(mine, PATH)),
        PEER: within(unconnected(logs.disabled), measure(theirs, PATH)),
        OTHER: within(unconnected(), measure(bare, "/health?format=json")),
    }
    samples = interleaved(candidates, effort)
    own = f"{what}, three checks"
    yield samples.row(own, ours="three", theirs=OTHER, bare=None)
    yield samples.row(f"{own} and Django's", ours="system", bare=None)


@contextlib.contextmanager
def _system_checks() -> Iterator[None]:
    with logs.disabled(), override_settings(DOCKERFLOW_SYSTEM_CHECKS=True):
        yield
