"""What is added to a request, in process, and what one in batch holds."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks import asgi, django_site, flask_app, memory, sanic_app, wsgi
from tests.benchmarks.measure import Effort
from tests.benchmarks.table import Row


def rows(effort: Effort) -> Iterator[Row]:
    """Measure."""
    for module in (asgi, wsgi, flask_app, django_site, sanic_app, memory):
        yield from module.rows(effort)
