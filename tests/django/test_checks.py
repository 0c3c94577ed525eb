"""The checks of the database, the migrations and the Redis cache."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.management import call_command
from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError
from django.db.migrations import Migration
from django.db.utils import ConnectionHandler

from dockerflow_mw.django import checks, connections
from tests.django.asking import ask_wsgi, project
from tests.django.test_system import page
from tests.services import Service, connected, stopped

POSTGRES = "django.db.backends.postgresql"
SQLITE = "django.db.backends.sqlite3"


@pytest.fixture(autouse=True)
def _configured() -> Iterator[None]:
    with project(page):
        yield


def told(messages: list[Any]) -> list[tuple[int, str]]:
    """Give the level and the end of the id of each message."""
    return [(m.level, m.id.removeprefix("dockerflow.health.")) for m in messages]


def connection_to(monkeypatch: pytest.MonkeyPatch, **database: Any) -> Any:
    """Have the checks look at a database; Django's own settings stay."""
    made = ConnectionHandler({"default": database})["default"]
    monkeypatch.setattr(checks, "connection", made)
    return made


@pytest.fixture
def sqlite(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    made = connection_to(monkeypatch, ENGINE=SQLITE, NAME=tmp_path / "db.sqlite3")
    yield made
    made.close()


def test_a_database_that_answers_is_fine(sqlite: Any) -> None:
    assert checks.check_database_connected(app_configs=None) == []


@pytest.mark.parametrize(
    ("database", "identity"),
    [
        pytest.param({}, "E003", id="nothing"),
        pytest.param({"ENGINE": POSTGRES}, "E003", id="no name"),
        pytest.param({"ENGINE": "no.such.engine"}, "E003", id="no such engine"),
        pytest.param({"ENGINE": SQLITE, "NAME": "/no/such/db"}, "E001", id="no file"),
        pytest.param(
            {"ENGINE": POSTGRES, "NAME": "x", "HOST": "127.0.0.1", "PORT": 1},
            "E001",
            id="nobody listens",
        ),
    ],
)
def test_a_database_that_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch, database: dict[str, Any], identity: str
) -> None:
    handler = ConnectionHandler({"default": database})

    class Proxy:
        def __getattr__(self, name: str) -> Any:
            return getattr(handler["default"], name)

    monkeypatch.setattr(checks, "connection", Proxy())
    (message,) = checks.check_database_connected(app_configs=None)
    assert told([message]) == [(40, identity)]
    # What drivers say names hosts and users.
    assert "127.0.0.1" not in message.msg


@pytest.mark.parametrize(
    ("error", "identity"),
    [
        (OperationalError, "E001"),
        (InterfaceError, "E001"),
        (ProgrammingError, "E008"),
        (DatabaseError, "E008"),
    ],
)
def test_e1_an_error_of_a_driver_is_a_message(
    sqlite: Any, monkeypatch: pytest.MonkeyPatch, error: Any, identity: str
) -> None:
    def refuse() -> None:
        raise error("hunter2")

    monkeypatch.setattr(sqlite, "connect", refuse)
    (message,) = checks.check_database_connected(app_configs=None)
    assert told([message]) == [(40, identity)]
    assert "hunter2" not in message.msg
    assert isinstance(message.obj, error)


def test_a_database_that_does_not_answer(
    sqlite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "is_usable", lambda: False)
    assert told(checks.check_database_connected(app_configs=None)) == [(40, "E002")]


def test_31_a_connection_that_died_is_made_anew(
    monkeypatch: pytest.MonkeyPatch, postgres: Service
) -> None:
    from urllib.parse import urlparse

    url = urlparse(postgres.url)
    made = connection_to(
        monkeypatch,
        ENGINE=POSTGRES,
        NAME=url.path[1:] or "postgres",
        USER=url.username,
        PASSWORD=url.password,
        HOST=url.hostname,
        PORT=url.port,
    )
    assert checks.check_database_connected(app_configs=None) == []
    with stopped(postgres):
        assert told(checks.check_database_connected(None)) == [(40, "E001")]
    made.ensure_connection()
    made.connection.close()
    assert checks.check_database_connected(app_configs=None) == []
    made.close()


@pytest.mark.parametrize("name", [":memory:", "file:x?mode=memory&cache=shared"])
def test_30_a_check_s_connections_are_closed(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    handler = ConnectionHandler({"default": {"ENGINE": SQLITE, "NAME": name}})
    monkeypatch.setattr(connections, "connections", handler)
    with connections.closed_connections():
        handler["default"].ensure_connection()
        kept = handler["default"].connection
    assert handler["default"].connection is None
    with (
        pytest.raises(ProgrammingError, match="closed"),
        handler["default"].wrap_database_errors,
    ):
        kept.execute("select 1")


def test_a_connection_that_cannot_be_closed_does_not_fail_the_check(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        raise InterfaceError

    handler = ConnectionHandler({"default": {"ENGINE": SQLITE, "NAME": ":memory:"}})
    monkeypatch.setattr(connections, "connections", handler)
    monkeypatch.setattr(handler["default"], "close", refuse)
    with connections.closed_connections():
        pass
    text = "A check's connection to default could not be closed."
    assert [r.getMessage() for r in caplog.records] == [text]


ONE, TWO, SQUASHED = ("app", "0001"), ("app", "0002"), ("app", "0001_squashed")


@pytest.mark.parametrize(
    ("applied", "text"),
    [
        pytest.param({SQUASHED, ("app", "0003")}, None, id="all"),
        pytest.param({ONE, TWO, ("app", "0003")}, None, id="all that it replaces"),
        pytest.param(
            {SQUASHED, ("app", "0003"), ("app", "0004")}, None, id="ahead of the code"
        ),
        pytest.param({SQUASHED}, "app.0003.", id="one is not"),
        pytest.param({ONE}, "app.0001_squashed, app.0003.", id="half of a squashed"),
        pytest.param(set(), "app.0001_squashed, app.0003.", id="none"),
    ],
)
def test_the_migrations(
    monkeypatch: pytest.MonkeyPatch, applied: set[Any], text: str | None
) -> None:
    squashed = Migration("0001_squashed", "app")
    squashed.replaces = [ONE, TWO]
    scripts = {SQUASHED: squashed, ("app", "0003"): Migration("0003", "app")}
    monkeypatch.setattr(checks, "_scripts", lambda: scripts)
    monkeypatch.setattr(checks, "_applied", lambda: applied)
    messages = checks.check_migrations_applied(app_configs=None)
    assert told(messages) == ([] if text is None else [(30, "W001")])
    assert [m.msg for m in messages] == (
        [] if text is None else [f"Unapplied migrations: {text}"]
    )


def test_61_the_migrations_of_a_database_that_is_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> None:
        raise InterfaceError

    monkeypatch.setattr(checks, "_scripts", dict)
    monkeypatch.setattr(checks, "_applied", refuse)
    assert told(checks.check_migrations_applied(app_configs=None)) == [(20, "I001")]


def test_migrations_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise SyntaxError

    monkeypatch.setattr(checks, "_scripts", broken)
    assert told(checks.check_migrations_applied(app_configs=None)) == [(40, "E106")]


def test_many_migrations_are_not_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{number:04}" for number in range(30)]
    scripts = {("app", name): Migration(name, "app") for name in names}
    monkeypatch.setattr(checks, "_scripts", lambda: scripts)
    monkeypatch.setattr(checks, "_applied", set)
    (message,) = checks.check_migrations_applied(app_configs=None)
    assert message.msg.endswith("app.0009 and 20 more.")


DJANGO_REDIS = "django_redis.cache.RedisCache"
DJANGO_S_OWN = "django.core.cache.backends.redis.RedisCache"
LOCAL = "django.core.cache.backends.locmem.LocMemCache"

REDIS_CHECK = "dockerflow_mw.django.checks.check_redis_connected"


def with_cache(backend: str, location: str = "") -> Any:
    if backend == DJANGO_REDIS:
        pytest.importorskip("django_redis")
    cache = {"BACKEND": backend, "LOCATION": location}
    return project(
        page,
        CACHES={"default": cache},
        DOCKERFLOW_CHECKS=[REDIS_CHECK],
        DOCKERFLOW_DETAILS="full",
    )


def clients(valkey: Service) -> int:
    with connected(valkey.url) as client:
        return len([c for c in client.client_list() if c["cmd"] == "ping"])


@pytest.mark.parametrize("backend", [DJANGO_REDIS, DJANGO_S_OWN])
def test_i1_a_redis_that_comes_and_goes(valkey: Service, backend: str) -> None:
    with with_cache(backend, valkey.url):
        assert checks.check_redis_connected(app_configs=None) == []
        with stopped(valkey):
            assert told(checks.check_redis_connected(None)) == [(40, "E004")]
            status, body = ask_wsgi("/__heartbeat__")
            assert status == 500
            assert json.loads(body)["checks"] == {"check_redis_connected": "error"}
        assert [ask_wsgi("/__heartbeat__")[0] for _ in range(5)] == [200] * 5
        assert clients(valkey) <= 1


@pytest.mark.parametrize(
    ("backend", "location", "identity"),
    [
        pytest.param(LOCAL, "", "E005", id="no Redis"),
        pytest.param("no.such.Cache", "", "E006", id="no such cache"),
        pytest.param(DJANGO_REDIS, "nonsense", "E006", id="no URL, django-redis"),
        pytest.param(DJANGO_S_OWN, "nonsense", "E006", id="no URL"),
    ],
)
def test_a_redis_that_cannot_be_had(backend: str, location: str, identity: str) -> None:
    if backend == LOCAL:
        pytest.importorskip("django_redis")
    with with_cache(backend, location):
        assert told(checks.check_redis_connected(None)) == [(40, identity)]


@pytest.mark.parametrize("backend", [DJANGO_REDIS, DJANGO_S_OWN])
def test_a_redis_that_does_not_answer_a_ping(
    monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setattr(redis.Redis, "ping", lambda _: False)
    with with_cache(backend, "redis://127.0.0.1:1/0"):
        assert told(checks.check_redis_connected(None)) == [(40, "E007")]


def test_e3_manage_py_check_goes_on_when_everything_is_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from django.core.checks.registry import registry

    monkeypatch.setattr(registry, "registered_checks", set())
    registry.register(checks.check_database_connected)
    registry.register(checks.check_migrations_applied)
    said = io.StringIO()
    with pytest.raises(Exception, match=r"dockerflow\.health\.E003"):
        call_command("check", stderr=said)
