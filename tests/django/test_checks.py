"""The checks of the database, the migrations and the Redis cache."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django import db
from django.core.management import call_command
from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import ConnectionHandler
from django.test import override_settings

from dockerflow_mw.django import checks, system
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
    """Return the level and the end of the id of each message."""
    return [(m.level, m.id.removeprefix("dockerflow.health.")) for m in messages]


def connection_to(monkeypatch: pytest.MonkeyPatch, **database: Any) -> Any:
    """Return a connection that the checks use instead of the default one."""
    made = ConnectionHandler({"default": database})["default"]
    monkeypatch.setattr(checks, "connection", made)
    return made


@pytest.fixture
def sqlite(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    made = connection_to(monkeypatch, ENGINE=SQLITE, NAME=tmp_path / "db.sqlite3")
    yield made
    made.close()


def test_a_working_database_has_no_message(sqlite: Any) -> None:
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
def test_an_unusable_database_setting_is_an_error(
    monkeypatch: pytest.MonkeyPatch, database: dict[str, Any], identity: str
) -> None:
    handler = ConnectionHandler({"default": database})

    class Proxy:
        def __getattr__(self, name: str) -> Any:
            return getattr(handler["default"], name)

    monkeypatch.setattr(checks, "connection", Proxy())
    (message,) = checks.check_database_connected(app_configs=None)
    assert told([message]) == [(40, identity)]
    # Texts of drivers name hosts and users.
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
def test_an_error_of_a_driver_is_a_message(
    sqlite: Any, monkeypatch: pytest.MonkeyPatch, error: Any, identity: str
) -> None:
    def refuse() -> None:
        raise error("hunter2")

    monkeypatch.setattr(sqlite, "connect", refuse)
    (message,) = checks.check_database_connected(app_configs=None)
    assert told([message]) == [(40, identity)]
    assert "hunter2" not in message.msg
    assert isinstance(message.obj, error)


def test_a_database_that_fails_its_query_is_an_error(
    sqlite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "is_usable", lambda: False)
    assert told(checks.check_database_connected(app_configs=None)) == [(40, "E002")]


def test_a_stopped_database_is_an_error_until_it_is_back(
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
    # In a heartbeat, each check has a new connection.
    made.close()
    with stopped(postgres):
        assert told(checks.check_database_connected(None)) == [(40, "E001")]
    assert checks.check_database_connected(app_configs=None) == []
    made.close()


@pytest.mark.parametrize("name", [":memory:", "file:x?mode=memory&cache=shared"])
def test_the_connections_of_a_check_are_closed(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    handler = ConnectionHandler({"default": {"ENGINE": SQLITE, "NAME": name}})
    monkeypatch.setattr(system, "connections", handler)
    with system.closed_connections():
        handler["default"].ensure_connection()
        kept = handler["default"].connection
    assert handler["default"].connection is None
    with (
        pytest.raises(ProgrammingError, match="closed"),
        handler["default"].wrap_database_errors,
    ):
        kept.execute("select 1")


EMPTY = "from django.db import migrations\nclass Migration(migrations.Migration):\n"


# Django records a squashed migration with those that it replaces.
SQUASHED = ["1", "2", "squashed"]


@pytest.fixture
def migrations(
    sqlite: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Path]:
    """Return the folder of the migrations of the only app."""
    folder = tmp_path / f"migrations_{tmp_path.name}"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    app = "django.contrib.contenttypes"
    modules = {"contenttypes": folder.name}
    # Django looks the applied migrations up by the alias of the connection.
    db.connections["default"] = sqlite
    with override_settings(INSTALLED_APPS=[app], MIGRATION_MODULES=modules):
        yield folder
    del db.connections["default"]


@pytest.mark.parametrize(
    ("applied", "text"),
    [
        pytest.param([*SQUASHED, "3"], None, id="all"),
        pytest.param(["1", "2", "3"], None, id="all that the squashed one replaces"),
        pytest.param([*SQUASHED, "3", "4"], None, id="more than the code has"),
        pytest.param(SQUASHED, "3", id="one is not"),
        pytest.param(["1"], "2, 3", id="a part of the squashed one"),
        pytest.param([], "3, squashed", id="none"),
    ],
)
def test_unapplied_migrations_are_a_warning(
    sqlite: Any, migrations: Path, applied: list[str], text: str | None
) -> None:
    replaced = "[('contenttypes', '1'), ('contenttypes', '2')]"
    (migrations / "1.py").write_text(f"{EMPTY}    dependencies = []\n")
    (migrations / "2.py").write_text(f"{EMPTY}    dependencies = {replaced[:22]}]\n")
    (migrations / "squashed.py").write_text(f"{EMPTY}    replaces = {replaced}\n")
    after = "[('contenttypes', 'squashed')]"
    (migrations / "3.py").write_text(f"{EMPTY}    dependencies = {after}\n")
    recorder = MigrationRecorder(sqlite)
    recorder.ensure_schema()
    for name in applied:
        recorder.record_applied("contenttypes", name)
    messages = checks.check_migrations_applied(app_configs=None)
    assert told(messages) == ([] if text is None else [(30, "W001")])
    named = [m.msg.replace("contenttypes.", "") for m in messages]
    assert named == ([] if text is None else [f"Unapplied migrations: {text}."])


def test_a_stopped_database_is_no_reason_to_warn_of_migrations(
    sqlite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise InterfaceError

    monkeypatch.setattr(sqlite, "connect", refuse)
    assert told(checks.check_migrations_applied(app_configs=None)) == [(20, "I001")]


def test_unreadable_migrations_are_an_error(migrations: Path) -> None:
    (migrations / "1.py").write_text("This is no Python.")
    assert told(checks.check_migrations_applied(app_configs=None)) == [(40, "E106")]


def test_a_message_names_ten_unapplied_migrations(migrations: Path) -> None:
    for number in range(30):
        (migrations / f"m{number:04}.py").write_text(f"{EMPTY}    pass\n")
    (message,) = checks.check_migrations_applied(app_configs=None)
    assert message.msg.endswith("contenttypes.m0009 and 20 more.")


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
        return len([c for c in client.client_list() if c["cmd"] in ("ping", "expire")])


@pytest.mark.parametrize("backend", [DJANGO_REDIS, DJANGO_S_OWN])
def test_a_stopped_redis_is_an_error_until_it_is_back(
    valkey: Service, backend: str
) -> None:
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
def test_an_unusable_cache_setting_is_an_error(
    backend: str, location: str, identity: str
) -> None:
    if backend == LOCAL:
        pytest.importorskip("django_redis")
    with with_cache(backend, location):
        assert told(checks.check_redis_connected(None)) == [(40, identity)]


def test_a_failed_ping_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis.Redis, "ping", lambda _: False)
    with with_cache(DJANGO_REDIS, "redis://127.0.0.1:1/0"):
        assert told(checks.check_redis_connected(None)) == [(40, "E007")]


def test_an_error_of_redis_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise redis.ResponseError("NOAUTH Authentication required.")

    monkeypatch.setattr(redis.Redis, "expire", refuse)
    with with_cache(DJANGO_S_OWN, "redis://127.0.0.1:1/0"):
        assert told(checks.check_redis_connected(None)) == [(40, "E010")]


def test_the_first_server_of_a_cache_is_asked(valkey: Service) -> None:
    nobody = "redis://127.0.0.1:1/0"
    with with_cache(DJANGO_S_OWN, f"{valkey.url};{nobody}"):
        assert checks.check_redis_connected(None) == []
    with with_cache(DJANGO_S_OWN, f"{nobody};{valkey.url}"):
        assert told(checks.check_redis_connected(None)) == [(40, "E004")]


def test_manage_py_check_reports_a_missing_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from django.core.checks.registry import registry

    monkeypatch.setattr(registry, "registered_checks", set())
    registry.register(checks.check_database_connected)
    registry.register(checks.check_migrations_applied)
    said = io.StringIO()
    with pytest.raises(Exception, match=r"dockerflow\.health\.E003"):
        call_command("check", stderr=said)
