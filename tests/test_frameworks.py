"""The middleware around every kind of callable and every framework, in process."""

from __future__ import annotations

import dataclasses
import inspect
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal
from wsgiref.validate import validator

import pytest
from asgiref.compatibility import is_double_callable
from django.test import override_settings
from werkzeug.middleware.lint import LintMiddleware

from dockerflow_mw import DockerflowMiddleware, summary
from dockerflow_mw.request_id import request_id_context
from tests.doors import Answer
from tests.frameworks import BOOM, PAGE, asgi, bare, django_site, wsgi
from tests.frameworks.asking import ask_asgi, ask_wsgi

ENDPOINTS = ("/__lbheartbeat__", "/__heartbeat__", "/__version__")


def add_middleware(app: Any, **options: Any) -> Any:
    app.add_middleware(DockerflowMiddleware, **options)
    return app


@dataclasses.dataclass(frozen=True)
class Site:
    """An application and its properties.

    Attributes:
        make: returns a new application.
        interface: its protocol.
        attribute: the name of one of its attributes.
        lifespan: whether it needs a start-up.
        raises: whether exceptions of its pages reach the server without a response.
        wrap: returns the application with the middleware.
    """

    make: Callable[[], Any]
    interface: Literal["wsgi", "asgi"]
    attribute: str
    lifespan: bool = False
    raises: bool = False
    wrap: Callable[..., Any] = DockerflowMiddleware

    def ask(self, application: Any, *paths: str) -> list[Answer]:
        """Send GET requests to the application, bare or wrapped."""
        if self.interface == "wsgi":
            return ask_wsgi(validator(application), paths)
        return ask_asgi(application, paths, lifespan=self.lifespan, raises=self.raises)


def bare_callable(make: Callable[[], Any]) -> Any:
    interface: Any = make.__name__.partition("_")[0]
    site = Site(make, interface, "mark", raises=True)
    return pytest.param(site, id=make.__name__.replace("_", "-"))


# Pyramid imports pkg_resources, which warns of Plaster too; WebOb imports cgi.
imports_deprecated_modules = (
    pytest.mark.filterwarnings("ignore:pkg_resources is deprecated:UserWarning"),
    pytest.mark.filterwarnings("ignore:Deprecated call to .pkg_res:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning"),
)

CALLABLES = [
    bare_callable(bare.wsgi_function),
    bare_callable(bare.wsgi_partial),
    bare_callable(bare.wsgi_decorated),
    bare_callable(bare.wsgi_object),
    bare_callable(bare.wsgi_class),
    bare_callable(bare.asgi_function),
    bare_callable(bare.asgi_partial),
    bare_callable(bare.asgi_decorated),
    bare_callable(bare.asgi_object),
    bare_callable(bare.asgi_object_with_plain_call),
    bare_callable(bare.asgi_2_class),
    bare_callable(bare.asgi_2_class_with_hint),
]
FRAMEWORKS = [
    pytest.param(Site(wsgi.flask, "wsgi", "url_map"), id="flask"),
    pytest.param(Site(wsgi.falcon, "wsgi", "router_options"), id="falcon-wsgi"),
    pytest.param(Site(wsgi.bottle, "wsgi", "routes"), id="bottle"),
    pytest.param(
        Site(wsgi.pyramid, "wsgi", "registry", raises=True),
        id="pyramid",
        marks=imports_deprecated_modules,
    ),
    pytest.param(Site(django_site.wsgi, "wsgi", "get_response"), id="django-wsgi"),
    pytest.param(Site(django_site.asgi, "asgi", "get_response"), id="django-asgi"),
    pytest.param(Site(asgi.starlette, "asgi", "routes", True), id="starlette"),
    pytest.param(
        Site(asgi.starlette, "asgi", "routes", True, wrap=add_middleware),
        id="starlette-add-middleware",
    ),
    pytest.param(Site(asgi.fastapi, "asgi", "router", True), id="fastapi"),
    pytest.param(Site(asgi.quart, "asgi", "url_map", True), id="quart"),
    pytest.param(Site(asgi.litestar, "asgi", "routes", True), id="litestar"),
    pytest.param(Site(asgi.falcon, "asgi", "router_options", True), id="falcon-asgi"),
    pytest.param(Site(asgi.sanic, "asgi", "router", True), id="sanic"),
]
SITES = [*CALLABLES, *FRAMEWORKS]

every_site = pytest.mark.parametrize("site", SITES)


def select(sites: Sequence[Any], **wanted: Any) -> list[Any]:
    """Return the rows whose sites have the wanted attributes."""
    return [
        row
        for row in sites
        if all(getattr(row.values[0], name) == value for name, value in wanted.items())
    ]


@pytest.fixture(autouse=True)
def _django_settings() -> Iterator[None]:
    with django_site.site():
        yield


@pytest.fixture(autouse=True)
def _logging_and_context_stay_unchanged() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    yield
    assert (root.level, list(root.handlers)) == before
    assert request_id_context.get() is None
    assert summary.current() is None


def codes(caplog: pytest.LogCaptureFixture) -> list[Any]:
    """Return the codes of the summaries in order."""
    records = [r for r in caplog.records if r.name == "request.summary"]
    return [record.__dict__["code"] for record in records]


@every_site
def test_servers_detect_the_protocol(site: Site) -> None:
    application = site.wrap(site.make())

    # Uvicorn, Hypercorn and Sentry inspect __call__; Daphne calls is_double_callable.
    is_async = inspect.iscoroutinefunction(application.__call__)
    assert is_async is (site.interface == "asgi")
    assert is_double_callable(application) is (site.interface == "wsgi")


@every_site
def test_the_endpoints_respond(site: Site, tmp_path: Path) -> None:
    version = tmp_path / "version.json"
    version.write_text('{"version": "1.2.3"}')
    application = site.wrap(site.make(), version_path=version)

    lbheartbeat, heartbeat, shown = site.ask(application, *ENDPOINTS)

    assert (lbheartbeat.status, lbheartbeat.body) == (200, b"")
    assert (heartbeat.status, json.loads(heartbeat.body)["status"]) == (200, "ok")
    assert (shown.status, json.loads(shown.body)) == (200, {"version": "1.2.3"})


@every_site
def test_the_response_of_a_page_is_unchanged(site: Site) -> None:
    [unwrapped] = site.ask(site.make(), "/page")
    [wrapped] = site.ask(site.wrap(site.make()), "/page")

    assert wrapped == unwrapped
    assert (wrapped.status, wrapped.body) == (200, PAGE)


@every_site
def test_each_request_has_one_summary(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    application = site.wrap(site.make(), log_probes="all")

    with caplog.at_level(logging.INFO, logger="request.summary"):
        site.ask(application, "/page", "/__lbheartbeat__", "/missing", "/page")

    assert codes(caplog) == [200, 200, 404, 200]


@every_site
def test_attributes_are_looked_up_on_the_application(site: Site) -> None:
    app = site.make()

    assert getattr(site.wrap(app), site.attribute) == getattr(app, site.attribute)


@pytest.mark.parametrize("site", select(SITES, raises=True))
def test_an_exception_reaches_the_server_unchanged(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    application = site.wrap(site.make())

    with pytest.raises(RuntimeError) as caught:
        site.ask(application, "/boom")

    assert caught.value is BOOM
    assert codes(caplog) == [500]


@pytest.mark.parametrize("site", select(SITES, raises=False))
def test_the_error_page_of_the_framework_is_unchanged(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    [unwrapped] = site.ask(site.make(), "/boom")
    [wrapped] = site.ask(site.wrap(site.make()), "/boom")

    assert wrapped == unwrapped
    assert wrapped.status == 500
    assert codes(caplog) == [500]


@pytest.mark.parametrize("site", select(SITES, interface="wsgi"))
def test_werkzeugs_wsgi_linter_finds_no_fault(site: Site) -> None:
    application = LintMiddleware(site.wrap(site.make()))

    responses = ask_wsgi(application, ["/page", *ENDPOINTS])

    assert [response.status for response in responses] == [200, 200, 200, 404]


@pytest.mark.parametrize(
    ("allowed", "refusal"),
    [
        pytest.param([], 400, id="no-host-allowed"),
        pytest.param(["10.0.0.7"], 301, id="redirected-to-tls"),
    ],
)
@pytest.mark.parametrize("site", [r for r in FRAMEWORKS if "django" in str(r.id)])
def test_probes_are_answered_before_the_host_check_and_redirect_of_django(
    site: Site, allowed: list[str], refusal: int, tmp_path: Path
) -> None:
    (tmp_path / "version.json").write_text("{}")

    with override_settings(ALLOWED_HOSTS=allowed, SECURE_SSL_REDIRECT=True):
        application = site.wrap(site.make(), version_path=tmp_path)
        responses = site.ask(application, "/page", *ENDPOINTS)

    assert [response.status for response in responses] == [refusal, 200, 200, 200]
