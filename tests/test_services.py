"""Checks of real database servers that stop and start."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg
import pytest

from tests import services
from tests.doors import DOORS, Door
from tests.services import Service

CheckFactory = Callable[[str], Callable[[], str | None]]


def queries(url: str) -> Callable[[], str | None]:
    def database() -> str | None:
        try:
            with psycopg.connect(url, connect_timeout=2) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as error:
            return f"{url} cannot be queried: {error}"
        return None

    return database


def pings(url: str) -> Callable[[], str | None]:
    def cache() -> str | None:
        try:
            with services.connected(url) as client:
                client.ping()
        except services.Valkey.errors as error:
            return f"{url} cannot be pinged: {error}"
        return None

    return cache


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, postgres: Service, valkey: Service) -> Door:
    made: Door = request.param()
    made.application.check(queries(postgres.url))
    made.application.check(pings(valkey.url))
    return made


def heartbeat(door: Door) -> tuple[int, dict[str, str]]:
    answer = door.ask("/__heartbeat__")
    return answer.status, json.loads(answer.body)["checks"]


def test_the_heartbeat_is_ok_while_both_servers_run(door: Door) -> None:
    assert heartbeat(door) == (200, {"database": "ok", "cache": "ok"})


def test_the_heartbeat_follows_the_database(door: Door, postgres: Service) -> None:
    with services.stopped(postgres):
        assert heartbeat(door) == (500, {"database": "error", "cache": "ok"})

    assert heartbeat(door) == (200, {"database": "ok", "cache": "ok"})


def test_the_heartbeat_follows_the_cache(door: Door, valkey: Service) -> None:
    with services.stopped(valkey):
        assert heartbeat(door) == (500, {"database": "ok", "cache": "error"})

    assert heartbeat(door) == (200, {"database": "ok", "cache": "ok"})


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_the_body_has_the_address_of_the_server_without_credentials(
    door: Door, name: str, request: pytest.FixtureRequest
) -> None:
    service: Service = request.getfixturevalue(name)
    url = urlsplit(service.url)
    with services.stopped(service):
        body = door.ask("/__heartbeat__").body.decode()

    assert f"{url.scheme}://***@{url.hostname}:{url.port}" in body
    assert url.password is not None
    assert url.password not in body


def test_a_stopped_server_starts_again_on_its_port(valkey: Service) -> None:
    with services.stopped(valkey):
        pass

    with services.connected(valkey.url) as client:
        assert client.ping()


def test_a_server_may_have_settings_and_stops_at_the_end() -> None:
    with (
        services.postgres(max_connections=10) as service,
        psycopg.connect(service.url, connect_timeout=2) as connection,
    ):
        assert connection.execute("SHOW max_connections").fetchone() == ("10",)

    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(service.url, connect_timeout=2)


def test_the_server_of_a_user_is_used_and_never_stopped(
    monkeypatch: pytest.MonkeyPatch, valkey: Service
) -> None:
    monkeypatch.setenv("DOCKERFLOW_TEST_REDIS_URL", valkey.url)
    with services.valkey() as service:
        assert service.url == valkey.url
        with pytest.raises(pytest.skip.Exception, match="never stop the server"):
            service.stop()

    with services.connected(valkey.url) as client:
        assert client.ping()
