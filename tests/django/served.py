"""The project of the tests with real servers, PostgreSQL and Valkey.

A server imports `wsgi` or `asgi`. Importing this module sets Django up, so tests do
not import it. ``services.json`` in the working directory has the URLs of the services.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlparse

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

APPLICATION_NAME = "dockerflow-mw-served"

services = json.loads(Path("services.json").read_text())
postgres = urlparse(services["postgres"])

settings.configure(
    ALLOWED_HOSTS=["*"],
    ATOMIC_REQUESTS=True,
    CACHES={"default": {"BACKEND": services["cache"], "LOCATION": services["valkey"]}},
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": postgres.path[1:] or "postgres",
            "USER": postgres.username,
            "PASSWORD": postgres.password,
            "HOST": postgres.hostname,
            "PORT": postgres.port,
            "CONN_MAX_AGE": 600,
            "OPTIONS": {"application_name": APPLICATION_NAME, "connect_timeout": 5},
        }
    },
    DOCKERFLOW_CHECKS=[
        "dockerflow_mw.django.checks.check_database_connected",
        "dockerflow_mw.django.checks.check_migrations_applied",
        "dockerflow_mw.django.checks.check_redis_connected",
    ],
    DOCKERFLOW_CONFIGURE_LOGGING=True,
    DOCKERFLOW_DETAILS="full",
    INSTALLED_APPS=["django.contrib.contenttypes", "dockerflow_mw.django"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=["dockerflow_mw.django.middleware.DockerflowMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="made up",
)
django.setup()


def backend(request: HttpRequest) -> HttpResponse:
    """Return the id of the database process that serves this request."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        return HttpResponse(str(cursor.fetchone()[0]))


def boom(request: HttpRequest) -> HttpResponse:
    """Raise an exception."""
    raise RuntimeError("boom")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Send two chunks."""
    chunks = [b"one ", b"two"]

    async def sent() -> AsyncIterator[bytes]:
        for chunk in chunks:
            await asyncio.sleep(0)
            yield chunk

    body: Iterator[bytes] | AsyncIterator[bytes] = iter(chunks)
    return StreamingHttpResponse(sent() if hasattr(request, "scope") else body)


urlpatterns = [path("backend", backend), path("boom", boom), path("stream", stream)]


def __getattr__(name: str) -> object:
    # Each process makes the application that its server imports.
    if name == "wsgi":
        from django.core.wsgi import get_wsgi_application

        return get_wsgi_application()
    if name == "asgi":
        from django.core.asgi import get_asgi_application

        return get_asgi_application()
    raise AttributeError(name)
