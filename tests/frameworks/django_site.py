"""The application in Django, whose settings belong to the whole process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from tests.frameworks import PAGE, boom


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PAGE, content_type="text/plain")


def fail(request: HttpRequest) -> NoReturn:
    boom()


urlpatterns = [path("page", page), path("boom", fail)]


@contextmanager
def site(**changes: Any) -> Iterator[None]:
    """Return a context manager that sets the settings of the application.

    Args:
        changes: settings that replace the application's own.
    """
    if not settings.configured:
        # Without LOGGING_CONFIG=None, each get_wsgi_application configures logging.
        settings.configure(LOGGING_CONFIG=None, SECRET_KEY="made up")
        django.setup()
    ours: dict[str, Any] = {
        "ALLOWED_HOSTS": ["*"],
        "MIDDLEWARE": ["django.middleware.security.SecurityMiddleware"],
        "ROOT_URLCONF": __name__,
    }
    with override_settings(**{**ours, **changes}):
        yield


def wsgi() -> WSGIHandler:
    return get_wsgi_application()


def asgi() -> ASGIHandler:
    return get_asgi_application()
