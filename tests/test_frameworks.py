"""Every shape of application and every framework, wrapped, in process."""

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
    """An application, and what is particular about it.

    Attributes:
        make: makes it anew.
        interface: what it speaks.
        attribute: one of its attributes.
        lifespan: whether it has to be started up.
        raises: whether what its pages raise reaches the server without an answer.
        wrap: puts the middleware in front of it.
    """

    make: Callable[[], Any]
    interface: Literal["wsgi", "asgi"]
    attribute: str
    lifespan: bool = False
    raises: bool = False
    wrap: Callable[..., Any] = DockerflowMiddleware

    def ask(self, application: Any, *paths: str) -> list[Answer]:
        """Ask the application, as it is or wrapped."""
        if self.interface == "wsgi":
            return ask_wsgi(validator(application), paths)
        return ask_asgi(application, paths, lifespan=self.lifespan, raises=self.raises)


def shape(make: Callable[[], Any]) -> Any:
    interface: Any = make.__name__.partition("_")[0]
    site = Site(make, interface, "mark", raises=True)
    return pytest.param(site, id=make.__name__.replace("_", "-"))


# Pyramid imports the first, which warns of Plaster too; WebOb imports the other.
imports_what_is_deprecated = (
    pytest.mark.filterwarnings("ignore:pkg_resources is deprecated:UserWarning"),
    pytest.mark.filterwarnings("ignore:Deprecated call to .pkg_res:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning"),
)

SHAPES = [
    shape(bare.wsgi_function),
    shape(bare.wsgi_partial),
    shape(bare.wsgi_decorated),
    shape(bare.wsgi_object),
    shape(bare.wsgi_class),
    shape(bare.asgi_function),
    shape(bare.asgi_partial),
    shape(bare.asgi_decorated),
    shape(bare.asgi_object),
    shape(bare.asgi_object_with_plain_call),
    shape(bare.asgi_2_class),
    shape(bare.asgi_2_class_with_hint),
]
FRAMEWORKS = [
    pytest.param(Site(wsgi.flask, "wsgi", "url_map"), id="flask"),
    pytest.param(Site(wsgi.falcon, "wsgi", "router_options"), id="falcon-wsgi"),
    pytest.param(Site(wsgi.bottle, "wsgi", "routes"), id="bottle"),
    pytest.param(
        Site(wsgi.pyramid, "wsgi", "registry", raises=True),
        id="pyramid",
        marks=imports_what_is_deprecated,
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
SITES = [*SHAPES, *FRAMEWORKS]

every_site = pytest.mark.parametrize("site", SITES)


def those(sites: Sequence[Any], **wanted: Any) -> list[Any]:
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
def _nothing_is_left_over() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    yield
    assert (root.level, list(root.handlers)) == before
    assert request_id_context.get() is None
    assert summary.current() is None


def codes(caplog: pytest.LogCaptureFixture) -> list[Any]:
    """Give the codes of the summaries, in the order of their records."""
    records = [r for r in caplog.records if r.name == "request.summary"]
    return [record.__dict__["code"] for record in records]


@every_site
def test_the_interface_is_found_out(site: Site) -> None:
    application = site.wrap(site.make())

    # These are the ways in which servers find it out in their turn.
    is_async = inspect.iscoroutinefunction(type(application).__call__)
    assert is_async is (site.interface == "asgi")
    assert is_double_callable(application) is (site.interface == "wsgi")


@every_site
def test_the_endpoints_answer(site: Site, tmp_path: Path) -> None:
    version = tmp_path / "version.json"
    version.write_text('{"version": "1.2.3"}')
    application = site.wrap(site.make(), version_path=version)

    alive, heartbeat, told = site.ask(application, *ENDPOINTS)

    assert (alive.status, alive.body) == (200, b"")
    assert (heartbeat.status, json.loads(heartbeat.body)["status"]) == (200, "ok")
    assert (told.status, json.loads(told.body)) == (200, {"version": "1.2.3"})


@every_site
def test_a_page_answers_as_without_the_middleware(site: Site) -> None:
    [unwrapped] = site.ask(site.make(), "/page")
    [wrapped] = site.ask(site.wrap(site.make()), "/page")

    assert wrapped == unwrapped
    assert (wrapped.status, wrapped.body) == (200, PAGE)


@every_site
def test_each_request_leaves_one_summary(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    application = site.wrap(site.make(), log_probes="all")

    with caplog.at_level(logging.INFO, logger="request.summary"):
        site.ask(application, "/page", "/__lbheartbeat__", "/missing", "/page")

    assert codes(caplog) == [200, 200, 404, 200]


@every_site
def test_the_attributes_are_the_applications(site: Site) -> None:
    app = site.make()

    assert getattr(site.wrap(app), site.attribute) == getattr(app, site.attribute)


@pytest.mark.parametrize("site", those(SITES, raises=True))
def test_an_exception_reaches_the_caller_as_it_is(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    application = site.wrap(site.make())

    with pytest.raises(RuntimeError) as caught:
        site.ask(application, "/boom")

    assert caught.value is BOOM
    assert codes(caplog) == [500]


@pytest.mark.parametrize("site", those(SITES, raises=False))
def test_the_framework_answers_for_an_exception(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    [unwrapped] = site.ask(site.make(), "/boom")
    [wrapped] = site.ask(site.wrap(site.make()), "/boom")

    assert wrapped == unwrapped
    assert wrapped.status == 500
    assert codes(caplog) == [500]


@pytest.mark.parametrize("site", those(SITES, interface="wsgi"))
def test_a_linter_of_wsgi_finds_nothing(site: Site) -> None:
    application = LintMiddleware(site.wrap(site.make()))

    answers = ask_wsgi(application, ["/page", *ENDPOINTS])

    assert [answer.status for answer in answers] == [200, 200, 200, 404]


@pytest.mark.parametrize(
    ("allowed", "refusal"),
    [
        pytest.param([], 400, id="no-host-allowed"),
        pytest.param(["10.0.0.7"], 301, id="redirected-to-tls"),
    ],
)
@pytest.mark.parametrize("site", [r for r in FRAMEWORKS if "django" in str(r.id)])
def test_django_refuses_a_probe_that_the_middleware_answers(
    site: Site, allowed: list[str], refusal: int, tmp_path: Path
) -> None:
    (tmp_path / "version.json").write_text("{}")

    with override_settings(ALLOWED_HOSTS=allowed, SECURE_SSL_REDIRECT=True):
        application = site.wrap(site.make(), version_path=tmp_path)
        answers = site.ask(application, "/page", *ENDPOINTS)

    assert [answer.status for answer in answers] == [refusal, 200, 200, 200]
