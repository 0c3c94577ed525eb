"""The app without the middleware in ``MIDDLEWARE``."""

from __future__ import annotations

import logging
from typing import Any
from wsgiref.util import setup_testing_defaults

from tests.compat.rows.isolated import OURS, isolated
from tests.compat.rows.test_django import set_up

ERRORS: list[str] = []


class Kept(logging.Handler):
    """A handler that keeps the exception of each summary."""

    def emit(self, record: logging.LogRecord) -> None:
        ERRORS.append(vars(record).get("error", ""))


def errors_around_django(package: str) -> list[str]:
    """Return the exceptions in the summaries of a middleware around Django."""
    set_up(package, MIDDLEWARE=[])
    logging.getLogger("request.summary").addHandler(Kept())
    from django.core.wsgi import get_wsgi_application

    from dockerflow_mw import DockerflowMiddleware

    environ: dict[str, Any] = {"PATH_INFO": "/boom"}
    setup_testing_defaults(environ)
    served: Any = DockerflowMiddleware(get_wsgi_application())
    served(environ, lambda *_: None).close()
    return ERRORS


def test_an_outer_middleware_logs_the_exception_of_a_view() -> None:
    assert isolated(errors_around_django, OURS) == ["ValueError('boom')"]
