"""A4, mozilla/fx-private-relay: the settings, in the middle of the middleware."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from tests.django.projects import (
    AUTH,
    CONTRIB,
    DOCKERFLOW,
    SECURITY,
    SESSIONS,
    folder,
    set_up,
)

VERSION = {"source": "https://github.com/groovecoder/private-relay", "commit": "c0ffee"}
NAMES: list[str] = []


def get_version_info(base_dir: str | Path) -> dict[str, str]:
    assert base_dir == BASE_DIR
    return VERSION


class MetricsMiddleware:
    """Name the view, which the endpoints never reach."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        match = request.resolver_match
        if match is None:
            name = request.path.strip("/").strip("_")
            NAMES.append(f"dockerflow.django.views.{name}")
        return response


def fxa_rp_events(request: HttpRequest) -> HttpResponse:
    return HttpResponse("200 OK")


urlpatterns = [path("fxa-rp-events", fxa_rp_events)]

BASE_DIR = folder()
set_up(
    __name__,
    BASE_DIR,
    BASE_DIR=BASE_DIR,
    INSTALLED_APPS=[*CONTRIB, "dockerflow_mw.django"],
    MIDDLEWARE=[
        f"{__name__}.MetricsMiddleware",
        SECURITY,
        SESSIONS,
        AUTH,
        DOCKERFLOW,
    ],
    DOCKERFLOW_VERSION_CALLBACK=f"{__name__}.get_version_info",
    DOCKERFLOW_CHECKS=[
        "dockerflow_mw.django.checks.check_database_connected",
        "dockerflow_mw.django.checks.check_migrations_applied",
    ],
    DOCKERFLOW_REQUEST_ID_HEADER_NAME=None,
    SECURE_SSL_REDIRECT=True,
    SECURE_REDIRECT_EXEMPT=[
        r"^__version__",
        r"^__heartbeat__",
        r"^__lbheartbeat__",
        r"^fxa-rp-events",
    ],
    SILENCED_SYSTEM_CHECKS=sorted(
        ["security.W003", "security.W004", "security.W002", "security.W012"]
    ),
    LOGGING={
        "version": 1,
        "filters": {"request_id": {"()": "dockerflow_mw.logging.RequestIdLogFilter"}},
        "formatters": {
            "json": {
                "()": "dockerflow_mw.logging.MozlogFormatter",
                "logger_name": "fx-private-relay",
            }
        },
        "handlers": {
            "console_out": {
                "level": "DEBUG",
                "class": "logging.StreamHandler",
                "formatter": "json",
                "filters": ["request_id"],
            }
        },
        "loggers": {
            "request.summary": {"handlers": ["console_out"], "level": "DEBUG"},
            "dockerflow": {"handlers": ["console_out"], "level": "WARNING"},
        },
    },
)


@pytest.fixture
def client() -> Client:
    return Client()


def test_version_json(client: Client) -> None:
    response = client.get("/__version__")
    assert response.status_code == 200
    assert response.json() == VERSION


def test_lbheartbeat(client: Client) -> None:
    response = client.get("/__lbheartbeat__")
    assert response.status_code == 200
    assert response.content == b""


def test_heartbeat(client: Client) -> None:
    assert client.get("/__heartbeat__").json() == {"status": "ok"}


def test_the_summary_is_all_that_is_logged(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.get("/fxa-rp-events").status_code == 200
    assert caplog.record_tuples == [("request.summary", logging.INFO, "")]


def test_the_views_have_names(client: Client) -> None:
    from dockerflow_mw.django import views

    NAMES.clear()
    for name in ("version", "heartbeat", "lbheartbeat"):
        client.get(f"/__{name}__")
        assert callable(getattr(views, name))
    assert NAMES == [
        "dockerflow.django.views.version",
        "dockerflow.django.views.heartbeat",
        "dockerflow.django.views.lbheartbeat",
    ]
