"""Probes of a Django project whose other middleware refuses or redirects requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse

from dockerflow_mw import DockerflowMiddleware
from dockerflow_mw.django.service import current_service
from tests.django.asking import ASK, ask_wsgi, project
from tests.frameworks import django_site

Ask = Callable[..., tuple[int, bytes]]

pytestmark = pytest.mark.usefixtures("info")

asking = pytest.mark.parametrize("ask", ASK)
probing = pytest.mark.parametrize("path", ["/__lbheartbeat__", "/__heartbeat__"])

SECURITY = "django.middleware.security.SecurityMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"a page")


def refuse(get_response: Any) -> Any:
    """Return a middleware that refuses every request."""
    return lambda request: HttpResponse(status=401)


@asking
@probing
def test_probes_may_name_any_host(ask: Ask, path: str) -> None:
    with project(page, COMMON, ALLOWED_HOSTS=[]):
        assert ask(path)[0] == 200
        assert ask("/")[0] == 400


@asking
@probing
def test_probes_are_not_redirected(ask: Ask, path: str) -> None:
    with project(page, SECURITY, COMMON, SECURE_SSL_REDIRECT=True, APPEND_SLASH=True):
        assert [ask(path)[0], ask(f"{path}/")[0]] == [200, 200]
        assert ask("/")[0] == 301


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_django_refuses_scopes_other_than_http(kind: str) -> None:
    async def nothing(message: Any = None) -> Any:
        return message

    with project(page):
        served: Any = DockerflowMiddleware(django_site.asgi())
        scope = {"type": kind, "path": "/", "headers": []}
        with pytest.raises(ValueError, match="Django can only handle"):
            asyncio.run(served(scope, nothing, nothing))


def test_the_start_up_record_names_endpoints_and_checks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with project(page, DOCKERFLOW_GROUPS={"/ready": "deep"}):
        current_service().check(lambda: None, name="x", tags="deep")
        for _ in range(2):
            ask_wsgi()
    (record,) = (r for r in caplog.records if r.name == "dockerflow.middleware")
    endpoints = ["__version__", "__heartbeat__", "__lbheartbeat__", "__error__"]
    assert vars(record)["endpoints"] == [*(f"/{e}" for e in endpoints), "/ready"]
    assert vars(record)["checks"] == ["x"]


@asking
@probing
def test_probes_need_no_authentication(ask: Ask, path: str) -> None:
    with project(page, f"{__name__}.refuse"):
        assert ask(path)[0] == 200
        assert ask("/")[0] == 401
