"""Tests of the database check with real databases and real faults."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, NullPool, create_engine
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.ext.asyncio import create_async_engine

from dockerflow_mw import checks
from dockerflow_mw.checks.builtin import base
from dockerflow_mw.checks.builtin.database import (
    check_database_connected,
    database_connected,
)
from tests import services
from tests.checks.builtin.faults import (
    CHECK_TIMEOUT,
    SOON,
    WEB_SERVERS,
    Network,
    WebServer,
    leaks,
    probe,
    probe_until,
    probe_until_ok,
    silent_port,
    until,
)
from tests.services import Service

OK: tuple[int, list[str]] = (200, [])
DOWN = (500, ["E008"])
POOL_EXHAUSTED = (500, ["E009"])
LATE = (500, ["E103"])


@dataclasses.dataclass
class Checked:
    """A web server with the check of one engine."""

    web_server: WebServer
    engine: Any

    @property
    def pool(self) -> Any:
        return self.engine.pool

    def borrow(self) -> Callable[[], object]:
        """Take a connection of the pool, and return a function that returns it."""
        if isinstance(self.engine, Engine):
            return self.engine.connect().close
        connection = self.web_server.run(self._connect())
        return lambda: self.web_server.run(connection.close())

    async def _connect(self) -> Any:
        return await self.engine.connect()

    def dispose(self) -> None:
        if isinstance(self.engine, Engine):
            self.engine.dispose()
        else:
            self.web_server.run(self.engine.dispose())


Check = Callable[..., Checked]


@pytest.fixture(params=["sync", "async"])
def check(request: pytest.FixtureRequest, web_server: WebServer) -> Iterator[Check]:
    with contextlib.ExitStack() as stack:

        def make(url: str, **options: Any) -> Checked:
            scheme, _, rest = url.partition("://")
            sqlite = "sqlite+aiosqlite" if request.param == "async" else "sqlite"
            driver = sqlite if scheme == "sqlite" else "postgresql+psycopg"
            create: Any = (
                create_async_engine if request.param == "async" else create_engine
            )
            if scheme != "sqlite":
                arguments = options.setdefault("connect_args", {})
                arguments.setdefault("application_name", "checked")
            checked = Checked(web_server, create(f"{driver}://{rest}", **options))
            stack.callback(checked.dispose)
            web_server.application.check(database_connected(checked.engine))
            return checked

        yield make


@contextlib.contextmanager
def administrator(service: Service) -> Iterator[psycopg.Connection]:
    with psycopg.connect(service.url, autocommit=True, connect_timeout=5) as connection:
        yield connection


def connections(admin: psycopg.Connection) -> list[str]:
    """Return the states of the connections of the application."""
    query = "SELECT state FROM pg_stat_activity WHERE application_name = 'checked'"
    return [state for (state,) in admin.execute(query)]


def clients(admin: psycopg.Connection) -> int:
    """Return the number of all connections to the server."""
    query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
    return len(admin.execute(query).fetchall())


def test_a_database_that_answers_is_ok_and_has_one_connection(
    check: Check, postgres: Service
) -> None:
    checked = check(postgres.url)
    with administrator(postgres) as admin:
        reports = [probe(checked.web_server) for _ in range(20)]
        until(lambda: connections(admin) == ["idle"])
        assert [b.outcome for b in reports] == [OK] * 20
        checked.dispose()
        until(lambda: connections(admin) == [])


def test_a_stopped_database_is_unreachable_until_it_starts_again(
    check: Check, postgres: Service
) -> None:
    checked = check(postgres.url)
    assert probe(checked.web_server).outcome == OK
    with services.stopped(postgres):
        down = [probe(checked.web_server) for _ in range(3)]

    assert [b.outcome for b in down] == [DOWN] * 3
    assert down[-1].messages == {
        "dockerflow.health.E008": "The database cannot be reached (OperationalError)."
    }
    assert leaks(down[0].body, postgres.url) == []
    assert probe(checked.web_server).outcome == OK
    assert checked.pool.checkedout() == 0


def test_a_restarted_database_is_ok_at_the_next_probe(
    check: Check, postgres: Service
) -> None:
    checked = check(postgres.url)
    return_connections = [checked.borrow() for _ in range(3)]
    for returned in return_connections:
        returned()
    with services.stopped(postgres):
        pass

    assert [probe(checked.web_server).outcome for _ in range(5)] == [OK] * 5
    with administrator(postgres) as admin:
        until(lambda: set(connections(admin)) == {"idle"})


@pytest.fixture(scope="module")
def small() -> Iterator[Service]:
    """A server that accepts six connections, those of administrators included."""
    limits = {
        "max_connections": 6,
        "superuser_reserved_connections": 0,
        "reserved_connections": 0,
    }
    with services.postgres(**limits) as service:
        yield service


def test_a_database_that_is_out_of_connections_is_unreachable(
    check: Check, small: Service
) -> None:
    checked = check(small.url)
    with contextlib.ExitStack() as stack:
        others = [stack.enter_context(administrator(small))]
        until(lambda: clients(others[0]) == 1)
        others += [stack.enter_context(administrator(small)) for _ in range(5)]
        refused = probe(checked.web_server)
        assert refused.outcome == DOWN
        assert leaks(refused.body, small.url) == []
        assert connections(others[0]) == []

        others[-1].close()
        probe_until(checked.web_server, OK)
        assert connections(others[0]) == ["idle"]


def test_an_exhausted_pool_has_another_id_than_a_stopped_database(
    check: Check, postgres: Service
) -> None:
    checked = check(postgres.url, pool_size=1, max_overflow=1, pool_timeout=0.1)
    return_connections = [checked.borrow(), checked.borrow()]
    exhausted = probe(checked.web_server)

    assert exhausted.outcome == POOL_EXHAUSTED
    assert exhausted.seconds < CHECK_TIMEOUT
    assert leaks(exhausted.body, postgres.url) == []

    return_connections.pop()()
    assert probe(checked.web_server).outcome == OK
    return_connections.pop()()
    assert checked.pool.checkedout() == 0


def test_an_exhausted_pool_with_a_longer_timeout_makes_the_check_late(
    check: Check, postgres: Service
) -> None:
    checked = check(postgres.url, pool_size=1, max_overflow=0, pool_timeout=SOON)
    return_connections = checked.borrow()
    assert probe(checked.web_server).outcome == LATE
    return_connections()
    probe_until_ok(checked.web_server)
    assert checked.pool.checkedout() == 0


def test_a_database_that_accepts_and_does_not_answer_makes_the_check_late(
    check: Check,
) -> None:
    with silent_port() as port:
        url = f"postgresql://somebody:secret@127.0.0.1:{port}/app"
        checked = check(url)
        silent = probe(checked.web_server)
        assert silent.outcome == LATE
        assert CHECK_TIMEOUT <= silent.seconds < SOON
        assert leaks(silent.body, url) == []
    # The server is stopped, so the pending connection attempt ends.
    probe_until(checked.web_server, DOWN)
    assert checked.pool.checkedout() == 0


def test_a_network_that_drops_everything_makes_the_check_late(
    check: Check, postgres: Service
) -> None:
    with Network(postgres.url) as network, administrator(postgres) as admin:
        checked = check(network.url)
        assert probe(checked.web_server).outcome == OK
        network.block()
        swallowed = [probe(checked.web_server) for _ in range(2)]
        network.unblock()
        probe_until_ok(checked.web_server)
        assert [b.outcome for b in swallowed] == [LATE] * 2
        until(lambda: connections(admin) == ["idle"])
        checked.dispose()
        until(lambda: connections(admin) == [])


@pytest.mark.parametrize("web_server", [WEB_SERVERS[1]], indirect=True, ids=["ASGI"])
@pytest.mark.parametrize("check", ["async"], indirect=True)
def test_an_async_query_without_an_answer_ends_and_returns_its_connection(
    check: Check, postgres: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "ASYNC_TIMEOUT", CHECK_TIMEOUT + 1)
    with Network(postgres.url) as network:
        checked = check(network.url, pool_size=1, max_overflow=0)
        assert probe(checked.web_server).outcome == OK
        network.block()
        assert probe(checked.web_server).outcome == LATE
        until(lambda: checked.pool.checkedout() == 0)
        # The check ends a moment after it has returned its connection.
        until(lambda: probe(checked.web_server).outcome == DOWN)
        network.unblock()
        probe_until_ok(checked.web_server)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "app.db"
    with contextlib.closing(sqlite3.connect(made)) as connection:
        connection.execute("CREATE TABLE items (id INTEGER PRIMARY KEY)")
    return made


def test_a_sqlite_file_that_is_overwritten_fails(check: Check, file: Path) -> None:
    checked = check(f"sqlite:///{file}")
    assert probe(checked.web_server).outcome == OK
    right = file.read_bytes()

    file.write_bytes(b"something else" * 1000)
    replaced = probe(checked.web_server)
    assert replaced.outcome == DOWN
    assert str(file) not in replaced.body

    file.write_bytes(right)
    assert probe(checked.web_server).outcome == OK


def test_a_sqlite_file_that_is_overwritten_before_the_first_connection_fails(
    check: Check, file: Path
) -> None:
    right = file.read_bytes()
    file.write_bytes(b"something else" * 1000)
    checked = check(f"sqlite:///{file}")
    assert probe(checked.web_server).outcome == DOWN

    file.write_bytes(right)
    assert probe(checked.web_server).outcome == OK


def test_a_locked_sqlite_file_is_unreachable(check: Check, file: Path) -> None:
    checked = check(f"sqlite:///{file}", connect_args={"timeout": 0.1})
    assert probe(checked.web_server).outcome == OK
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        locked = probe(checked.web_server)
        other.execute("ROLLBACK")

    assert locked.outcome == DOWN
    assert str(file) not in locked.body
    assert probe(checked.web_server).outcome == OK


class Extension:
    """An object that has an engine in an application context only."""

    @property
    def engine(self) -> Engine:
        raise RuntimeError("Working outside of application context.")


def ids(messages: object) -> list[str]:
    assert isinstance(messages, list)
    return [message.id.rpartition(".")[2] for message in messages]


@pytest.mark.parametrize("db", [None, "sqlite://", object(), Extension()], ids=repr)
def test_check_database_connected_reports_an_object_without_an_engine(
    db: object,
) -> None:
    assert ids(check_database_connected(db)) == ["E003"]


def test_check_database_connected_returns_messages(file: Path) -> None:
    checked = create_engine(f"sqlite:///{file}")
    assert check_database_connected(checked) == []
    file.write_bytes(b"something else" * 1000)
    messages = check_database_connected(checked)
    assert isinstance(messages, list)
    (message,) = messages
    assert message.level == checks.ERROR
    assert isinstance(message.obj, Exception)
    checked.dispose()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (sqlite3.OperationalError("refused"), "E008"),
        (sqlite3.DatabaseError("refused"), "E008"),
        (ConnectionRefusedError(), "E008"),
        (NoSuchTableError("refused"), "E009"),
        (ValueError("refused"), "E008"),
    ],
    ids=repr,
)
def test_each_error_of_a_driver_while_connecting_has_an_id(
    error: Exception, expected: str
) -> None:
    def connect() -> Any:
        raise error

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    messages = check_database_connected(engine)
    assert isinstance(messages, list)
    assert ids(messages) == [expected]
    assert "refused" not in messages[0].msg


def test_the_engine_of_flask_sqlalchemy_is_known_in_an_application_context() -> None:
    flask = pytest.importorskip("flask")
    flask_sqlalchemy = pytest.importorskip("flask_sqlalchemy")
    app = flask.Flask("app")
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    db = flask_sqlalchemy.SQLAlchemy(app)
    outside = database_connected(db)
    with app.app_context():
        inside = database_connected(db)
        assert check_database_connected(db) == []
        assert outside() == []

    assert inside() == []
    messages = outside()
    assert isinstance(messages, list)
    assert (messages[0].id, messages[0].msg) == (
        "dockerflow.health.E003",
        "There is no database engine (RuntimeError). Make the check in an application"
        " context, or use dockerflow_mw.flask.",
    )
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("engine", [None, "postgresql://u:secret@h/app", object()])
def test_an_object_without_an_engine_raises_a_type_error(engine: object) -> None:
    with pytest.raises(TypeError, match="must be an SQLAlchemy Engine") as raised:
        database_connected(engine)
    assert "secret" not in str(raised.value)


def test_checks_are_identified_by_their_database_and_show_no_credentials() -> None:
    def made(url: str) -> base.BuiltInCheck:
        return database_connected(create_engine(url))

    url = "postgresql+psycopg://somebody:secret@host:5432/app"
    check = made(url)
    assert check.__name__ == "database_connected"
    assert check.critical
    assert check.identity[:2] == (
        "database_connected",
        "postgresql+psycopg://host:5432/app",
    )
    assert repr(check) == "<database_connected of postgresql+psycopg://host:5432/app>"
    assert made(url).identity == check.identity
    assert made(url.replace("secret", "other")).identity == check.identity
    others = [
        made(url.replace("/app", "/other")),
        made(url.replace("host", "other")),
        made(url.replace("somebody", "other")),
        made(url + "?sslpassword=secret"),
        database_connected(Extension()),
        database_connected(Extension()),
    ]
    identities = {check.identity, *(other.identity for other in others)}
    assert len(identities) == 1 + len(others)
    told = repr([identities, check, *others])
    assert "secret" not in told
    assert "somebody" not in told


def test_registering_another_database_under_the_default_name_raises() -> None:
    registry = checks.Registry()
    check = database_connected(create_engine("sqlite:///a.db"))
    registry.register(check)
    registry.register(database_connected(create_engine("sqlite:///a.db")))
    with pytest.raises(checks.DuplicateCheckError, match=r"sqlite:///b\.db"):
        registry.register(database_connected(create_engine("sqlite:///b.db")))
    assert list(registry.checks()) == ["database_connected"]


def test_the_modules_of_the_built_in_checks_import_no_client() -> None:
    modules = ["database", "disk", "http", "migrations", "network", "redis"]
    code = "".join(f"import dockerflow_mw.checks.builtin.{name}\n" for name in modules)
    code += "import sys; print(*sys.modules)"
    command = [sys.executable, "-W", "error", "-c", code]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    clients = {"alembic", "flask_migrate", "httpx", "redis", "sqlalchemy"}
    assert clients & set(shown.split()) == set()
