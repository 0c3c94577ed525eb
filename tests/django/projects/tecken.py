"""A5, mozilla-services/tecken: the first middleware, and a check of its own."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest
from django.conf import settings
from django.core import checks
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from dockerflow_mw.logging import MozlogFormatter
from dockerflow_mw.version import get_version
from tests.django.projects import (
    AUTH,
    CONTRIB,
    DOCKERFLOW,
    SECURITY,
    SESSIONS,
    folder,
    set_up,
)

STORAGE: list[checks.CheckMessage] = []


def check_storage_urls(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    return list(STORAGE)


def broken(request: HttpRequest) -> HttpResponse:
    raise NameError("some_unknown_name")


def admin(request: HttpRequest) -> HttpResponse:
    return HttpResponse(repr(get_version(settings.BASE_DIR)))


urlpatterns = [path("__broken__", broken), path("admin", admin)]

BASE_DIR = folder()
set_up(
    __name__,
    BASE_DIR,
    BASE_DIR=str(BASE_DIR),
    INSTALLED_APPS=[*CONTRIB, "dockerflow_mw.django"],
    MIDDLEWARE=[
        DOCKERFLOW,
        SECURITY,
        SESSIONS,
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
        AUTH,
    ],
    DOCKERFLOW_CHECKS=[
        "dockerflow_mw.django.checks.check_database_connected",
        "dockerflow_mw.django.checks.check_migrations_applied",
        f"{__name__}.check_storage_urls",
    ],
    CSRF_COOKIE_SECURE=True,
    SESSION_COOKIE_SECURE=True,
    SECURE_HSTS_SECONDS=3600,
    X_FRAME_OPTIONS="DENY",
    SILENCED_SYSTEM_CHECKS=["security.W008", "security.W005", "security.W021"],
)


@pytest.fixture
def client() -> Client:
    STORAGE.clear()
    return Client(raise_request_exception=False)


def test_heartbeat_no_warnings(client: Client) -> None:
    response = client.get("/__heartbeat__")
    assert response.json()["status"] == "ok"
    assert response.status_code == 200


def test_heartbeat_fails_with_the_storage(client: Client) -> None:
    message = checks.Error("Unable to connect to storage", id="tecken.health.E001")
    STORAGE.append(message)
    with override_settings(DEBUG=True):
        response = client.get("/__heartbeat__")
    assert response.status_code == 500
    assert response.json()["details"]["check_storage_urls"] == {
        "level": 40,
        "messages": {"tecken.health.E001": "Unable to connect to storage"},
        "status": "error",
    }


def test_manage_py_check_runs_it(client: Client) -> None:
    STORAGE.append(checks.Warning("Slow storage", id="tecken.health.W001"))
    said = io.StringIO()
    call_command("check", stderr=said, deploy=True, tags=["dockerflow"])
    assert "(tecken.health.W001) Slow storage" in said.getvalue()


def test_there_may_be_no_version(client: Client) -> None:
    assert client.get("/admin").content == b"None"


def test_unhandled_exceptions_are_in_the_summary(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.get("/__broken__").status_code == 500
    (record,) = (r for r in caplog.records if r.name == "request.summary")
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "some_unknown_name")
    line = json.loads(MozlogFormatter(logger_name="tecken").format(record))
    assert (line["Logger"], line["Fields"]["errno"]) == ("tecken", 500)
