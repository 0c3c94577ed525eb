"""The database check against real databases, with faults made for real."""

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
from dockerflow_mw.checks.builtin import base, engine
from dockerflow_mw.checks.builtin.database import (
    check_database_connected,
    database_connected,
)
from tests import services
from tests.checks.builtin.faults import (
    CHECK_TIMEOUT,
    LASTING_DOORS,
    SOON,
    LastingDoor,
    Network,
    beat,
    beats_until,
    beats_until_well,
    leaks,
    silent_port,
    until,
)
from tests.services import Service

# Above what a check waits for a connection of the pool, below what it waits for one.

WELL: tuple[int, list[str]] = (200, [])
DOWN = (500, ["E001"])
FAILED = (500, ["E009"])
POOL_EXHAUSTED = (500, ["E105"])
LATE = (500, ["E103"])


@dataclasses.dataclass
class Checked:
    """A door with the check of one engine."""

    door: LastingDoor
    engine: Any

    @property
    def pool(self) -> Any:
        return self.engine.pool

    def borrow(self) -> Callable[[], object]:
        """Take a connection of the pool, and give what gives it back."""
        if isinstance(self.engine, Engine):
            return self.engine.connect().close
        connection = self.door.run(self._connect())
        return lambda: self.door.run(connection.close())

    async def _connect(self) -> Any:
        return await self.engine.connect()

    def dispose(self) -> None:
        if isinstance(self.engine, Engine):
            self.engine.dispose()
        else:
            self.door.run(self.engine.dispose())


Check = Callable[..., Checked]


@pytest.fixture(params=["sync", "async"])
def check(request: pytest.FixtureRequest, door: LastingDoor) -> Iterator[Check]:
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
            checked = Checked(door, create(f"{driver}://{rest}", **options))
            stack.callback(checked.dispose)
            door.application.check(database_connected(checked.engine))
            return checked

        yield make


@contextlib.contextmanager
def administrator(service: Service) -> Iterator[psycopg.Connection]:
    with psycopg.connect(service.url, autocommit=True, connect_timeout=5) as connection:
        yield connection


def connections(admin: psycopg.Connection) -> list[str]:
    """Give the states of the application's connections, as the server sees them."""
    query = "SELECT state FROM pg_stat_activity WHERE application_name = 'checked'"
    return [state for (state,) in admin.execute(query)]


def clients(admin: psycopg.Connection) -> int:
    """Count everybody's connections, as the server sees them."""
    query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
    return len(admin.execute(query).fetchall())


def test_a_database_that_answers_is_well_and_has_one_connection(
    check: Check, postgres: Service
) -> None:
    checked = check(postgres.url)
    with administrator(postgres) as admin:
        beats = [beat(checked.door) for _ in range(20)]
        until(lambda: connections(admin) == ["idle"])
        assert [b.outcome for b in beats] == [WELL] * 20
        checked.dispose()
        until(lambda: connections(admin) == [])


def test_a_database_that_is_stopped(check: Check, postgres: Service) -> None:
    checked = check(postgres.url)
    assert beat(checked.door).outcome == WELL
    with services.stopped(postgres):
        down = [beat(checked.door) for _ in range(3)]

    assert [b.outcome for b in down] == [DOWN] * 3
    assert down[-1].messages == {
        "dockerflow.health.E001": "The database cannot be reached (OperationalError)."
    }
    assert leaks(down[0].body, postgres.url) == []
    assert beat(checked.door).outcome == WELL
    assert checked.pool.checkedout() == 0


def test_a_database_that_was_restarted_is_well_at_the_next_probe(
    check: Check, postgres: Service
) -> None:
    checked = check(postgres.url)
    give_back = [checked.borrow() for _ in range(3)]
    for returned in give_back:
        returned()
    with services.stopped(postgres):
        pass

    assert [beat(checked.door).outcome for _ in range(5)] == [WELL] * 5
    with administrator(postgres) as admin:
        until(lambda: set(connections(admin)) == {"idle"})


@pytest.fixture(scope="module")
def small() -> Iterator[Service]:
    """A server with six connections, for administrators as for everybody."""
    limits = {
        "max_connections": 6,
        "superuser_reserved_connections": 0,
        "reserved_connections": 0,
    }
    with services.postgres(**limits) as service:
        yield service


def test_a_database_that_is_out_of_connections(check: Check, small: Service) -> None:
    checked = check(small.url)
    with contextlib.ExitStack() as stack:
        others = [stack.enter_context(administrator(small))]
        until(lambda: clients(others[0]) == 1)
        others += [stack.enter_context(administrator(small)) for _ in range(5)]
        refused = beat(checked.door)
        assert refused.outcome == DOWN
        assert leaks(refused.body, small.url) == []
        assert connections(others[0]) == []

        others[-1].close()
        beats_until(checked.door, WELL)
        assert connections(others[0]) == ["idle"]


def test_an_exhausted_pool_is_told_from_a_database_that_is_down(
    check: Check, postgres: Service
) -> None:
    checked = check(postgres.url, pool_size=1, max_overflow=1)
    give_back = [checked.borrow(), checked.borrow()]
    exhausted = beat(checked.door)

    assert exhausted.outcome == POOL_EXHAUSTED
    assert exhausted.seconds < CHECK_TIMEOUT
    assert leaks(exhausted.body, postgres.url) == []

    give_back.pop()()
    assert beat(checked.door).outcome == WELL
    give_back.pop()()
    assert checked.pool.checkedout() == 0


def test_a_pool_that_says_itself_that_it_is_exhausted(
    check: Check, postgres: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As when somebody else takes the last connection between the look and the request.
    monkeypatch.setattr(engine, "_is_full", lambda pool: False)
    checked = check(postgres.url, pool_size=1, max_overflow=0, pool_timeout=0.1)
    give_back = checked.borrow()
    assert beat(checked.door).outcome == POOL_EXHAUSTED
    give_back()
    assert beat(checked.door).outcome == WELL


def test_a_database_that_accepts_and_is_silent(check: Check) -> None:
    with silent_port() as port:
        url = f"postgresql://somebody:secret@127.0.0.1:{port}/app"
        checked = check(url)
        silent = beat(checked.door)
        assert silent.outcome == LATE
        assert CHECK_TIMEOUT <= silent.seconds < SOON
        assert leaks(silent.body, url) == []
    # The server is gone, and with it what the check was waiting for.
    beats_until(checked.door, DOWN)
    assert checked.pool.checkedout() == 0


def test_a_network_that_swallows_everything(check: Check, postgres: Service) -> None:
    with Network(postgres.url) as network, administrator(postgres) as admin:
        checked = check(network.url)
        assert beat(checked.door).outcome == WELL
        network.freeze()
        swallowed = [beat(checked.door) for _ in range(2)]
        network.thaw()
        beats_until_well(checked.door)
        assert [b.outcome for b in swallowed] == [LATE] * 2
        until(lambda: connections(admin) == ["idle"])
        checked.dispose()
        until(lambda: connections(admin) == [])


@pytest.mark.parametrize("door", [LASTING_DOORS[1]], indirect=True, ids=["ASGI"])
@pytest.mark.parametrize("check", ["async"], indirect=True)
def test_an_async_client_that_is_never_answered_gives_its_connection_up(
    check: Check, postgres: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "ASYNC_LIMIT", CHECK_TIMEOUT + 1)
    with Network(postgres.url) as network:
        checked = check(network.url, pool_size=1, max_overflow=0)
        assert beat(checked.door).outcome == WELL
        network.freeze()
        assert beat(checked.door).outcome == LATE
        until(lambda: checked.pool.checkedout() == 0)
        # The check itself ends a moment after it has given its connection back.
        until(lambda: beat(checked.door).outcome == DOWN)
        network.thaw()
        beats_until_well(checked.door)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "app.db"
    with contextlib.closing(sqlite3.connect(made)) as connection:
        connection.execute("CREATE TABLE items (id INTEGER PRIMARY KEY)")
    return made


def test_a_sqlite_file_that_is_replaced_by_something_else(
    check: Check, file: Path
) -> None:
    checked = check(f"sqlite:///{file}")
    assert beat(checked.door).outcome == WELL
    right = file.read_bytes()

    file.write_bytes(b"something else" * 1000)
    replaced = beat(checked.door)
    assert replaced.outcome == FAILED
    assert str(file) not in replaced.body

    file.write_bytes(right)
    assert beat(checked.door).outcome == WELL


def test_a_sqlite_file_that_is_replaced_before_the_first_connection(
    check: Check, file: Path
) -> None:
    right = file.read_bytes()
    file.write_bytes(b"something else" * 1000)
    checked = check(f"sqlite:///{file}")
    assert beat(checked.door).outcome == FAILED

    file.write_bytes(right)
    assert beat(checked.door).outcome == WELL


def test_a_sqlite_file_that_is_locked(check: Check, file: Path) -> None:
    checked = check(f"sqlite:///{file}", connect_args={"timeout": 0.1})
    assert beat(checked.door).outcome == WELL
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        locked = beat(checked.door)
        other.execute("ROLLBACK")

    assert locked.outcome == DOWN
    assert str(file) not in locked.body
    assert beat(checked.door).outcome == WELL


class Extension:
    """What has an engine in an application context only, as Flask-SQLAlchemy's db."""

    @property
    def engine(self) -> Engine:
        raise RuntimeError("Working outside of application context.")


def ids(messages: object) -> list[str]:
    assert isinstance(messages, list)
    return [message.id.rpartition(".")[2] for message in messages]


@pytest.mark.parametrize("db", [None, "sqlite://", object(), Extension()], ids=repr)
def test_python_dockerflow_s_function_tells_what_is_no_database(db: object) -> None:
    assert ids(check_database_connected(db)) == ["E003"]


def test_python_dockerflow_s_function_gives_messages(file: Path) -> None:
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
        (sqlite3.OperationalError("refused"), "E001"),
        (sqlite3.DatabaseError("refused"), "E001"),
        (ConnectionRefusedError(), "E001"),
        (NoSuchTableError("refused"), "E009"),
        (ValueError("refused"), "E008"),
    ],
    ids=repr,
)
def test_what_a_driver_raises_when_it_connects(error: Exception, expected: str) -> None:
    def connect() -> Any:
        raise error

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    messages = check_database_connected(engine)
    assert ids(messages) == [expected]
    assert "refused" not in repr(messages)


def test_flask_sqlalchemy_is_asked_for_its_engine_in_an_application_context() -> None:
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
    assert ids(outside()) == ["E003"]
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("engine", [None, "postgresql://u:secret@h/app", object()])
def test_a_factory_refuses_what_has_no_engine(engine: object) -> None:
    with pytest.raises(TypeError, match="must be an SQLAlchemy Engine") as raised:
        database_connected(engine)
    assert "secret" not in str(raised.value)


def test_two_databases_are_told_apart_and_one_is_itself_again() -> None:
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


def test_registering_takes_one_line_and_refuses_another_database() -> None:
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
