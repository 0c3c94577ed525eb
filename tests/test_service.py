"""The engine behind the middlewares: late settings, the start, direct use."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from dockerflow_mw.protocols.asgi import ASGIMiddleware
from dockerflow_mw.protocols.wsgi import WSGIMiddleware
from dockerflow_mw.service import Service
from dockerflow_mw.settings import Settings, SettingsError
from tests.doors import BareASGI, BareWSGI, Door
from tests.logs import codes

MakeDoor = Callable[[Service], Door]

INVALID = "DOCKERFLOW_CHECK_TIMEOUT is 'soon'; it must be a number."


def no_app(*args: Any) -> Any: ...


@pytest.fixture(
    params=[
        pytest.param((BareWSGI, WSGIMiddleware), id="WSGI"),
        pytest.param((BareASGI, ASGIMiddleware), id="ASGI"),
    ]
)
def serving(request: pytest.FixtureRequest) -> MakeDoor:
    """Return a function that makes a door with a middleware of a service."""
    door_class, middleware_class = request.param

    def make(service: Service) -> Door:
        door: Door = door_class()
        door.served = middleware_class(door.application.app, service)
        return door

    return make


class LateSettings:
    """The configuration of a framework, which changes until the first request."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.reads = 0

    def __call__(self) -> Settings:
        self.reads += 1
        return Settings.load(self.options)


def start_up_records(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [r for r in caplog.records if r.name == "dockerflow.middleware"]


def test_a_middleware_of_a_service_serves_endpoints_and_pages(
    serving: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    door = serving(Service(no_app, Settings.load({"log_probes": "all"})))
    assert (door.ask("/__lbheartbeat__").status, door.ask("/").body) == (200, b"a page")
    assert door.ask("/__heartbeat__/").status == 200
    assert codes(caplog) == [200, 200, 200]


def test_late_settings_are_read_once_at_the_first_request_but_lbheartbeat(
    serving: MakeDoor,
) -> None:
    late = LateSettings()
    service = Service(no_app, Settings.load({}), reload=late)
    service.check(lambda: False, name="broken")
    door = serving(service)
    assert door.ask("/__lbheartbeat__").status == 200
    assert late.reads == 0
    late.options = {"heartbeat_failed_status_code": 503}
    assert door.ask("/__heartbeat__").status == 503
    late.options = {"heartbeat_failed_status_code": 504}
    assert door.ask("/__heartbeat__").status == 503
    assert door.ask("/").body == b"a page"
    assert late.reads == 1


def test_late_settings_that_became_invalid_leave_the_previous_ones(
    serving: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    def reload() -> Settings:
        raise SettingsError(INVALID)

    settings = Settings.load({"heartbeat_failed_status_code": 503})
    service = Service(no_app, settings, reload=reload)
    service.check(lambda: False, name="broken")
    assert serving(service).ask("/__heartbeat__").status == 503
    assert service.settings is settings
    assert service.start() == INVALID
    assert ("dockerflow.middleware", logging.CRITICAL, INVALID) in caplog.record_tuples


def test_start_returns_none_if_the_settings_are_valid() -> None:
    service = Service(no_app, Settings.load({"groups": {"/__ready__": ["db"]}}))
    service.check(no_app, name="db")
    assert service.start() is None


def test_concurrent_first_requests_have_the_endpoints(serving: MakeDoor) -> None:
    entered, released = threading.Event(), threading.Event()

    def reload() -> Settings:
        entered.set()
        assert released.wait(20)
        return Settings.load({})

    door = serving(Service(no_app, Settings.load({}), reload=reload))
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(door.ask("/__heartbeat__").status)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    threads[0].start()
    assert entered.wait(20)
    threads[1].start()
    # Without a lock, the second request would get a response in this time.
    threads[1].join(timeout=0.1)
    during_the_start = list(statuses)
    released.set()
    for thread in threads:
        thread.join(20)
    assert (during_the_start, statuses) == ([], [200, 200])


def test_several_middlewares_of_a_service_start_it_once(
    serving: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    late = LateSettings()
    service = Service(no_app, Settings.load({}), name="Dockerflow", reload=late)
    for door in (serving(service), serving(service)):
        door.ask("/")
    assert late.reads == 1
    (record,) = start_up_records(caplog)
    assert record.getMessage().startswith("<Dockerflow of <function no_app at ")
    assert record.endpoints == ["/__version__", "/__heartbeat__", "/__lbheartbeat__"]


def test_a_view_of_the_framework_is_not_a_route(serving: MakeDoor) -> None:
    settings = Settings.load({"error_endpoint": True})
    service = Service(no_app, settings, views=("/__error__",))
    assert serving(service).ask("/__error__").body == b"a page"
    assert "/__error__" in service.endpoints
    assert {"/__error__", "/__error__/"}.isdisjoint(service.routes)
