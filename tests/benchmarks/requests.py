"""Time that a package adds to a request, in process, and memory of a request."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks import asgi, django_site, flask_app, memory, sanic_app, wsgi
from tests.benchmarks.measure import Effort
from tests.benchmarks.table import Row


def rows(effort: Effort) -> Iterator[Row]:
    """Yield the rows of this topic."""
    for module in (asgi, wsgi, flask_app, django_site, sanic_app, memory):
        yield from module.rows(effort)
