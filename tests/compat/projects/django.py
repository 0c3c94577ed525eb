"""The service in Django, with its authentication and sessions."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core import checks
from django.core.management import call_command
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client
from django.urls import path

from tests.compat.exchange import Answer, asked

REQUESTS = (
    asked("/who"),
    asked("/login"),
    asked("/who"),
    asked("/"),
    asked("/gone"),
    asked("/", **{"X-Request-ID": "two words"}),
    asked("/__heartbeat__", "POST"),
    asked("/__heartbeat__?debug=off"),
    asked("/__error__/"),
)

SENT: list[str] = []


def fine(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    return []


def lukewarm(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    return [checks.Warning("The cache is lukewarm.", id="compat.W001")]


def stuck(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    return [checks.Error("The queue is stuck.", hint="Kick it.", id="compat.E001")]


def make(package: str, folder: Path) -> Any:
    """Make the service, and return the function that sends a request."""
    _set_up(package, folder)
    client = Client(raise_request_exception=False)
    signals = importlib.import_module(f"{package}.django.signals")
    for signal in (signals.heartbeat_passed, signals.heartbeat_failed):
        signal.connect(_sent)

    def ask(method: str, path: str, headers: Mapping[str, str]) -> Answer:
        # DEBUG shows a heartbeat's details. On error pages it would show the time.
        settings.DEBUG = path.startswith("/__heartbeat__") and "off" not in path
        got = client.generic(method, path, headers=dict(headers))
        settings.DEBUG = False
        body = b"".join(got.streaming_content) if got.streaming else got.content
        # The cookie of the session is left out: it differs between two runs.
        return Answer(got.status_code, {**got.headers, **_signals_header()}, body)

    return ask


def _set_up(package: str, folder: Path) -> None:
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "db.sqlite3"}
    settings.configure(
        ALLOWED_HOSTS=["*"],
        BASE_DIR=folder,
        DATABASES={"default": database},
        DOCKERFLOW_CHECKS=[
            f"{package}.django.checks.check_database_connected",
            f"{package}.django.checks.check_migrations_applied",
            *(f"{__name__}.{check.__name__}" for check in (fine, lukewarm, stuck)),
        ],
        DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE=503,
        DOCKERFLOW_SUMMARY_LOG_QUERYSTRING=True,
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            f"{package}.django",
        ],
        LOGGING_CONFIG=None,
        MIDDLEWARE=[
            f"{package}.django.middleware.DockerflowMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        ROOT_URLCONF=__name__,
        SECRET_KEY="made up",
    )
    django.setup()
    call_command("migrate", verbosity=0, skip_checks=True)


def _sent(sender: Any, level: int, **kwargs: Any) -> None:
    SENT.append(f"{sender.__name__} {level}")


def _signals_header() -> dict[str, str]:
    sent, SENT[:] = list(SENT), []
    return {"x-signals": ", ".join(sent)} if sent else {}


def index(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request._id if request.GET else "index")


def teapot(request: HttpRequest) -> HttpResponse:
    return HttpResponse("short and stout", status=418)


def unavailable(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=503)


def boom(request: HttpRequest) -> HttpResponse:
    raise ValueError("boom")


def gone(request: HttpRequest) -> HttpResponse:
    raise Http404("gone")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def chunks() -> Iterator[str]:
        yield "one "
        yield "two"

    return StreamingHttpResponse(chunks(), content_type="text/plain")


def login(request: HttpRequest) -> HttpResponse:
    auth = importlib.import_module("django.contrib.auth")
    user, _ = auth.get_user_model().objects.get_or_create(username="ann")
    auth.login(request, user)
    return HttpResponse("in")


def who(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(request.user.is_authenticated))


urlpatterns = [
    path("", index),
    *(
        path(view.__name__, view)
        for view in (teapot, unavailable, boom, gone, stream, login, who)
    ),
]
