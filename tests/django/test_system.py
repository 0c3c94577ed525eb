"""Django's system checks in the heartbeat, and its checks in Django."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core import checks as django_checks
from django.core.checks.registry import registry
from django.http import HttpRequest, HttpResponse
from django.test import override_settings

from dockerflow_mw.checks import Error, default_registry
from dockerflow_mw.django import checks, system
from dockerflow_mw.django.service import current_service
from tests.django.asking import ASK, ask_asgi, ask_wsgi, project

Ask = Callable[..., tuple[int, bytes]]

HEALTH = "dockerflow.health"

pytestmark = pytest.mark.usefixtures("info")

RAN: list[str] = []


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"a page")


def check_search(app_configs: Any, **kwargs: Any) -> list[Any]:
    RAN.append("search")
    return []


def check_disk(app_configs: Any, **kwargs: Any) -> list[Any]:
    RAN.append("disk")
    return [django_checks.Warning("It is nearly full.", id="disk.W001")]


def check_deployed(app_configs: Any, **kwargs: Any) -> list[Any]:
    RAN.append("deployed")
    return [django_checks.Warning("Never in DEBUG.", id="deployed.W001")]


@pytest.fixture(autouse=True)
def django_checks_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Remove all of Django's checks, so that only those of the test run."""
    RAN.clear()
    monkeypatch.setattr(registry, "registered_checks", set())
    monkeypatch.setattr(registry, "deployment_checks", set())
    yield
    default_registry.clear_checks()


def listed(*functions: Callable[..., Any]) -> list[str]:
    return [f"{__name__}.{function.__name__}" for function in functions]


def probe(ask: Ask = ask_wsgi) -> tuple[int, Any]:
    status, body = ask("/__heartbeat__")
    return status, json.loads(body)


WITH_SYSTEM: dict[str, Any] = {"DOCKERFLOW_SYSTEM_CHECKS": True, "DEBUG": True}


@pytest.mark.parametrize("ask", ASK)
def test_every_probe_runs_system_checks_and_listed_ones(ask: Ask) -> None:
    django_checks.register(check_disk)
    with project(page, DOCKERFLOW_CHECKS=listed(check_search), **WITH_SYSTEM):
        answers = [probe(ask) for _ in range(3)]
    assert answers == 3 * [
        (
            200,
            {
                "status": "warning",
                "checks": {"check_search": "ok", "check_disk": "warning"},
                "details": {
                    "check_disk": {
                        "status": "warning",
                        "level": 30,
                        "messages": {"disk.W001": "It is nearly full."},
                    }
                },
            },
        )
    ]
    assert RAN.count("search") == RAN.count("disk") == 3


def test_deployment_checks_run_without_debug() -> None:
    django_checks.register(check_deployed, deploy=True)
    with project(page, **WITH_SYSTEM):
        assert probe() == (200, {"status": "ok", "checks": {}, "details": {}})
        # Set directly, so Django sends no signal.
        settings.DEBUG = False
        assert probe() == (200, {"status": "warning"})
        settings.DEBUG = True
        assert probe()[1]["checks"] == {}
        settings.DEBUG = False
        assert probe() == (200, {"status": "warning"})
    assert RAN == ["deployed", "deployed"]


def test_system_checks_can_be_silenced_or_left_out() -> None:
    django_checks.register(check_deployed, deploy=True)
    with project(page, DOCKERFLOW_SYSTEM_CHECKS=True):
        assert probe()[1] == {"status": "warning"}
        with override_settings(SILENCED_SYSTEM_CHECKS=["deployed.W001"]):
            assert probe()[1] == {"status": "ok"}
        with override_settings(DOCKERFLOW_SYSTEM_CHECKS=False):
            assert probe()[1] == {"status": "ok"}


def test_a_system_check_may_be_registered_late() -> None:
    with project(page, **WITH_SYSTEM):
        assert probe()[1]["checks"] == {}
        django_checks.register(check_disk)
        assert probe()[1]["checks"] == {"check_disk": "warning"}


def test_checks_of_the_same_name_all_run() -> None:
    def named(result: list[Any]) -> Any:
        def check_search(app_configs: Any, **kwargs: Any) -> list[Any]:
            return result

        return check_search

    error = django_checks.Error("down", id="E1")
    django_checks.register(named([]))
    django_checks.register(named([error]))
    with project(page, DOCKERFLOW_CHECKS=listed(check_search), **WITH_SYSTEM):
        status, body = probe()
    assert status == 500
    assert list(body["checks"]) == [f"check_search{c}" for c in ("", " (2)", " (3)")]
    assert sorted(body["checks"].values()) == ["error", "ok", "ok"]


def test_a_slow_system_check_runs_once_and_does_not_delay_the_others() -> None:
    released = threading.Event()

    def a_slow_check(app_configs: Any, **kwargs: Any) -> list[Any]:
        RAN.append("slow")
        released.wait(20)
        return []

    django_checks.register(a_slow_check)
    django_checks.register(check_disk)
    with project(page, DOCKERFLOW_CHECK_TIMEOUT=0.1, **WITH_SYSTEM):
        late = [probe()[1]["checks"] for _ in range(2)]
        (thread,) = (t for t in threading.enumerate() if t.name.endswith("slow_check"))
        released.set()
        assert late == 2 * [{"a_slow_check": "error", "check_disk": "warning"}]
        assert RAN.count("slow") == 1
        thread.join(20)
        assert probe()[1]["checks"] == {"a_slow_check": "ok", "check_disk": "warning"}


def returns(value: Any) -> Any:
    """Return a sync and an async check, without arguments, with a return value."""

    def check() -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    async def acheck() -> Any:
        return check()

    return check, acheck


@pytest.mark.parametrize("ask", ASK)
@pytest.mark.parametrize(
    ("value", "state", "messages"),
    [
        pytest.param(None, "ok", {}, id="None"),
        pytest.param(True, "ok", {}, id="True"),
        pytest.param([], "ok", {}, id="an empty list"),
        pytest.param(
            False, "error", {f"{HEALTH}.E101": "The check failed."}, id="False"
        ),
        pytest.param("down", "error", {f"{HEALTH}.E101": "down"}, id="a string"),
        pytest.param(Error("down", id="E1"), "error", {"E1": "down"}, id="a message"),
        pytest.param(
            [django_checks.Warning("slow", id="W1")],
            "warning",
            {"W1": "slow"},
            id="a list of Django's messages",
        ),
        pytest.param(
            OSError("secret"),
            "error",
            {f"{HEALTH}.E102": "The check raised OSError; the log has its traceback."},
            id="an exception",
        ),
        pytest.param(
            3,
            "error",
            {
                f"{HEALTH}.E104": "The check returned int; it must return messages,"
                " a string, a boolean or None."
            },
            id="nonsense",
        ),
    ],
)
def test_a_listed_check_may_return_what_any_check_returns(
    ask: Ask, value: Any, state: str, messages: dict[str, str]
) -> None:
    with project(page, DOCKERFLOW_CHECKS=returns(value), DEBUG=True):
        body = probe(ask)[1]
    assert body["checks"] == {"check": state, "acheck": state}
    assert [d["messages"] for d in body["details"].values()] == [messages] * (
        2 if messages else 0
    )


def accepts_nothing() -> str:
    return "called"


def accepts_app_configs(app_configs: Any) -> str:
    return f"called with {app_configs}"


def accepts_databases(databases: Any) -> str:
    return f"called with {databases}"


def accepts_both(databases: Any, *, app_configs: Any) -> str:
    return f"called with {app_configs} and {databases}"


def accepts_keywords(**kwargs: Any) -> str:
    return f"called with {sorted(kwargs)}"


def has_a_default(timeout: int = 3) -> str:
    return f"called with {timeout}"


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (accepts_nothing, "called"),
        (accepts_app_configs, "called with None"),
        (accepts_databases, "called with None"),
        (accepts_both, "called with None and None"),
        (accepts_keywords, "called with ['app_configs', 'databases']"),
        (has_a_default, "called with 3"),
    ],
)
def test_a_check_gets_the_arguments_of_django_that_it_accepts(
    check: Callable[..., str], text: str
) -> None:
    with project(page, DOCKERFLOW_CHECKS=listed(check), DEBUG=True):
        details = probe()[1]["details"]
    assert list(details[check.__name__]["messages"].values()) == [text]


def needs_a_client(client: Any) -> None:
    """Do nothing."""


def test_a_check_with_other_arguments_stops_the_start() -> None:
    from dockerflow_mw.settings import SettingsError

    path = f"{__name__}.needs_a_client"
    sentence = (
        f"DOCKERFLOW_CHECKS has {path} ({__file__}:LINE); the arguments of a check must"
        " be app_configs, databases or **kwargs, or have defaults."
    )
    pattern = re.escape(sentence).replace("LINE", r"\d+")
    with (
        project(page, DOCKERFLOW_CHECKS=[path]),
        pytest.raises(SettingsError, match=pattern),
    ):
        current_service()


def test_checks_are_registered_with_django_and_by_default() -> None:
    with project(page, DOCKERFLOW_CHECKS=listed(check_search, check_disk)):
        checks.register()
        checks.register()
        by_default = django_checks.run_checks()
        asked_for = django_checks.run_checks(
            tags=["dockerflow"], include_deployment_checks=True
        )
    assert by_default == []
    assert [(m.obj, m.id) for m in asked_for] == [("check_disk", "disk.W001")]
    assert list(default_registry.checks()) == ["check_search", "check_disk"]


def test_the_defaults_are_the_database_and_the_migrations() -> None:
    with project(page, DOCKERFLOW_CHECKS=None):
        assert [
            function.__name__ for function in current_service().settings.checks
        ] == [
            "check_database_connected",
            "check_migrations_applied",
        ]


@pytest.mark.parametrize("ask", ASK)
def test_heartbeats_send_django_s_signals(
    ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    from dockerflow_mw import DockerflowMiddleware
    from dockerflow_mw.django import signals, views

    sent: list[Any] = []

    def passed(sender: Any, level: int, **kwargs: Any) -> None:
        sent.append(("passed", sender, level))
        raise RuntimeError("statsd is down")

    def failed(sender: Any, level: int, **kwargs: Any) -> None:
        sent.append(("failed", sender, level))

    signals.heartbeat_passed.connect(passed)
    signals.heartbeat_failed.connect(failed)
    try:
        with project(page, DOCKERFLOW_CHECKS=listed(check_disk), DEBUG=True):
            checks.register()
            assert probe(ask)[0] == 200
            outer = ask("/__heartbeat__", wrap=DockerflowMiddleware)
            assert json.loads(outer[1])["checks"] == {"check_disk": "warning"}
            default_registry.register(lambda: False, name="broken")
            assert probe(ask)[0] == 500
    finally:
        signals.heartbeat_passed.disconnect(passed)
        signals.heartbeat_failed.disconnect(failed)
    assert sent == [
        ("passed", views.heartbeat, 30),
        ("passed", views.heartbeat, 30),
        ("failed", views.heartbeat, 40),
    ]
    logged = [r for r in caplog.records if r.name == "django.dispatch"]
    assert [r.levelno for r in logged] == [logging.ERROR] * 2


def test_the_urls_can_be_mounted_instead() -> None:
    from django.urls import include, path, reverse

    patterns = (path("ops/", include("dockerflow_mw.django.urls")),)
    with project(page, MIDDLEWARE=[], ROOT_URLCONF=patterns, DEBUG=True):
        assert ask_wsgi("/ops/__lbheartbeat__") == (200, b"")
        assert ask_wsgi("/ops/__heartbeat__/")[0] == 200
        assert ask_wsgi("/ops/__version__")[0] == 404
        assert ask_wsgi("/ops/__error__")[0] == 500
        assert reverse("dockerflow:heartbeat") == "/ops/__heartbeat__"
    with project(
        page, MIDDLEWARE=[], ROOT_URLCONF=patterns, DOCKERFLOW_ERROR_ENDPOINT=False
    ):
        assert ask_wsgi("/ops/__error__")[0] == 404


@pytest.mark.parametrize("value", ["maybe", 3, []])
def test_a_bad_value_for_the_system_checks_is_refused(value: object) -> None:
    from dockerflow_mw.settings import SettingsError

    sentence = r"DOCKERFLOW_SYSTEM_CHECKS is .*; it must be true or false\."
    with (
        project(page, DOCKERFLOW_SYSTEM_CHECKS=value),
        pytest.raises(SettingsError, match=sentence),
    ):
        current_service()


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_the_version_file_is_in_base_dir(
    tmp_path: Any, kind: Callable[[Any], Any]
) -> None:
    file = tmp_path / "version.json"
    seen: list[Any] = []
    base = kind(tmp_path)
    with project(page, BASE_DIR=base):
        assert ask_wsgi("/__version__")[0] == 404
        file.write_text('{"version": "1"}')
        # The file is read when the service starts.
        with override_settings(BASE_DIR=base):
            assert ask_wsgi("/__version__") == (200, b'{"version": "1"}')
        file.write_text("{")
        with override_settings(BASE_DIR=base):
            status, body = ask_wsgi("/__version__")
        assert (status, b"Traceback" in body) == (500, False)

        def callback(root: Any) -> dict[str, int]:
            seen.append(root)
            return {"root": 1}

        with override_settings(DOCKERFLOW_VERSION_CALLBACK=callback):
            assert ask_wsgi("/__version__") == (200, b'{"root": 1}')
    assert seen == [base]
    assert type(seen[0]) is type(base)


@pytest.mark.parametrize("ask", ASK)
def test_the_version_callback_may_query_the_database(ask: Ask) -> None:
    def callback(root: Any) -> dict[str, bool]:
        # Django refuses queries on an event loop.
        return {"on_event_loop": system.is_on_event_loop()}

    with project(page, DOCKERFLOW_VERSION_CALLBACK=callback):
        assert ask("/__version__") == (200, b'{"on_event_loop": false}')


@pytest.mark.parametrize("ask", ASK)
def test_a_system_check_has_the_arguments_of_manage_py_check(ask: Ask) -> None:
    def check_models(app_configs: Any, databases: Any, **kwargs: Any) -> list[Any]:
        return []

    registry.register(check_models)
    try:
        with project(page, **WITH_SYSTEM):
            _, body = probe(ask)
    finally:
        registry.registered_checks.discard(check_models)
    assert body["checks"]["check_models"] == "ok"


LOOPS: list[asyncio.AbstractEventLoop] = []


async def check_loop() -> None:
    LOOPS.append(asyncio.get_running_loop())


def test_an_async_check_runs_on_one_loop_so_that_its_client_stays_connected() -> None:
    LOOPS.clear()
    loop_of_the_server: list[Any] = []

    def wrap(app: Any) -> Any:
        async def served(*args: Any) -> None:
            loop_of_the_server.append(asyncio.get_running_loop())
            await app(*args)

        return served

    with project(page, DOCKERFLOW_CHECKS=listed(check_loop)):
        assert probe(ask_wsgi) == probe(ask_wsgi) == (200, {"status": "ok"})
        ask_asgi("/__heartbeat__", wrap=wrap)
    private, still_private, of_the_server = LOOPS
    assert private is still_private
    assert [of_the_server] == loop_of_the_server


THREADS: list[int] = []


async def check_rows(app_configs: Any, **kwargs: Any) -> list[Any]:
    await sync_to_async(lambda: THREADS.append(threading.get_ident()))()
    return []


@pytest.mark.parametrize("ask", ASK)
def test_the_connections_of_an_async_check_are_closed_on_their_thread(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    THREADS.clear()
    closed: list[int] = []

    def close_all() -> None:
        closed.append(threading.get_ident())

    monkeypatch.setattr("dockerflow_mw.django.system._close_all", close_all)
    with project(page, DOCKERFLOW_CHECKS=listed(check_rows), DEBUG=True):
        assert probe(ask)[1]["checks"] == {"check_rows": "ok"}
    # The check closes its connections itself, and the service does so again.
    assert set(closed) == set(THREADS)
