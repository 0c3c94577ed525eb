"""What probes meet in Django, and what they met in python-dockerflow.

The numbers are those of the needs, and the letters those of its defects.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse

from dockerflow_mw import DockerflowMiddleware
from dockerflow_mw.django.site import current
from tests.django.asking import ASK, ask_wsgi, project, summaries
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
    """Be a middleware that lets nobody in."""
    return lambda request: HttpResponse(status=401)


@asking
@probing
def test_47_a_host_that_is_not_allowed_is_a_probe_s(ask: Ask, path: str) -> None:
    with project(page, COMMON, ALLOWED_HOSTS=[]):
        assert ask(path)[0] == 200
        assert ask("/")[0] == 400


@asking
@probing
def test_48_probes_are_not_redirected(ask: Ask, path: str) -> None:
    with project(page, SECURITY, COMMON, SECURE_SSL_REDIRECT=True, APPEND_SLASH=True):
        assert [ask(path)[0], ask(f"{path}/")[0]] == [200, 200]
        assert ask("/")[0] == 301


@probing
def test_49_head_is_get_without_the_body(path: str) -> None:
    with project(page):
        assert ask_wsgi(path, REQUEST_METHOD="HEAD") == (200, b"")


@probing
@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS"])
def test_e4_other_methods_are_405(path: str, method: str) -> None:
    with project(page):
        assert ask_wsgi(path, REQUEST_METHOD=method)[0] == 405


@asking
def test_50_the_load_balancer_gets_an_empty_200(ask: Ask) -> None:
    with project(page):
        assert ask("/__lbheartbeat__") == (200, b"")


def test_52_a_mount_point_is_not_part_of_the_path() -> None:
    with project(page):
        assert ask_wsgi("/__lbheartbeat__", SCRIPT_NAME="/api") == (200, b"")
        assert ask_wsgi("/api/__lbheartbeat__") == (200, b"a page")


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_53_what_is_no_request_is_django_s_to_refuse(kind: str) -> None:
    async def nothing(message: Any = None) -> Any:
        return message

    with project(page):
        served: Any = DockerflowMiddleware(django_site.asgi())
        scope = {"type": kind, "path": "/", "headers": []}
        with pytest.raises(ValueError, match="Django can only handle"):
            asyncio.run(served(scope, nothing, nothing))


def test_54_the_start_tells_what_is_served(caplog: pytest.LogCaptureFixture) -> None:
    with project(page, DOCKERFLOW_GROUPS={"/ready": "deep"}):
        current().check(lambda: None, name="x", tags="deep")
        for _ in range(2):
            ask_wsgi()
    (record,) = (r for r in caplog.records if r.name == "dockerflow.middleware")
    endpoints = ["__version__", "__heartbeat__", "__lbheartbeat__", "__error__"]
    assert vars(record)["endpoints"] == [*(f"/{e}" for e in endpoints), "/ready"]
    assert vars(record)["checks"] == ["x"]


@asking
@probing
def test_55_who_lets_nobody_in_lets_probes_in(ask: Ask, path: str) -> None:
    with project(page, f"{__name__}.refuse"):
        assert ask(path)[0] == 200
        assert ask("/")[0] == 401


@asking
@probing
def test_e8_a_path_that_ends_in_a_newline_is_not_ours(ask: Ask, path: str) -> None:
    with project(page):
        assert ask(f"{path}\n") == (200, b"a page")


@asking
def test_e9_a_check_that_raises_leaves_the_report_whole(ask: Ask) -> None:
    with project(page, DEBUG=True):
        current().check(lambda: 1 / 0, name="broken")
        current().check(lambda: None, name="fine")
        status, body = ask("/__heartbeat__")
    assert status == 500
    assert json.loads(body)["checks"] == {"broken": "error", "fine": "ok"}


@asking
@pytest.mark.parametrize("path", ["/", "/__error__", "/__heartbeat__", "/boom"])
def test_e11_each_request_has_one_record(
    ask: Ask, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        if request.path == "/boom":
            raise RuntimeError
        return HttpResponse()

    with project(view):
        status, _ = ask(path)
    assert [record.code for record in summaries(caplog)] == [status]


@asking
def test_f_a_check_has_the_id_of_its_probe(ask: Ask) -> None:
    from dockerflow_mw.request_id import request_id_context

    seen: list[Any] = []

    async def also() -> None:
        seen.append(request_id_context.get())

    with project(page):
        current().check(lambda: seen.append(request_id_context.get()), name="x")
        current().check(also)
        assert ask("/__heartbeat__")[0] == 200
    assert len(seen) == 2
    assert len(set(seen)) == 1
    assert len(seen[0]) == 32
