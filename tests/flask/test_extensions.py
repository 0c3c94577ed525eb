"""Flask-SQLAlchemy, Flask-Migrate and Flask-Redis, with real servers behind them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest

from dockerflow_mw import DockerflowMiddleware
from dockerflow_mw import checks as default_checks
from dockerflow_mw.checks.loop import background_loop
from dockerflow_mw.flask import Dockerflow, checks
from tests import services
from tests.checks.builtin.faults import until
from tests.checks.builtin.test_migrations import Scripts
from tests.flask.site import make_app, report, server_of
from tests.services import Service

flask_migrate = pytest.importorskip("flask_migrate")
flask_redis = pytest.importorskip("flask_redis")
flask_sqlalchemy = pytest.importorskip("flask_sqlalchemy")

MIGRATIONS = "check_migrations_applied"
DATABASE = "check_database_connected"
REDIS = "check_redis_connected"


class Site:
    """An application whose extensions are initialised after ours.

    Attributes:
        db: the Flask-SQLAlchemy object.
    """

    def __init__(self, folder: Path, url: str, redis_url: str) -> None:
        self.db: Any = flask_sqlalchemy.SQLAlchemy()
        self.scripts = Scripts(folder / "migrations")
        self.scripts.add("a1")
        migrate = flask_migrate.Migrate(directory=str(self.scripts.folder))
        redis = flask_redis.FlaskRedis(socket_timeout=5)
        self.app = make_app(SQLALCHEMY_DATABASE_URI=url, REDIS_URL=redis_url)
        self.dockerflow = Dockerflow(self.app, self.db, redis, migrate)
        self.db.init_app(self.app)
        migrate.init_app(self.app, self.db)
        redis.init_app(self.app)
        self._redis = redis

    def checks(self) -> tuple[int, dict[str, str]]:
        status, body = report(self.app)
        return status, body["checks"]

    def connections(self) -> int:
        """Return the number of connections that are checked out of the pool."""
        with self.app.app_context():
            checked_out: int = self.db.engine.pool.checkedout()
        return checked_out

    def upgrade(self) -> None:
        with self.app.app_context():
            self.scripts.upgrade(self.db.engine)

    def close(self) -> None:
        self._redis.close()
        with self.app.app_context():
            self.db.engine.dispose()


@pytest.fixture
def site(tmp_path: Path, postgres: Service, valkey: Service) -> Iterator[Site]:
    url = postgres.url.replace("postgresql:", "postgresql+psycopg:")
    made = Site(tmp_path, url, valkey.url)
    yield made
    made.close()


def test_extensions_initialised_later_are_checked(site: Site) -> None:
    with site.app.app_context(), site.db.engine.begin() as connection:
        connection.execute(site.db.text("DROP TABLE IF EXISTS alembic_version"))
    assert site.checks() == (200, {DATABASE: "ok", REDIS: "ok", MIGRATIONS: "warning"})
    site.upgrade()
    assert site.checks() == (200, {DATABASE: "ok", REDIS: "ok", MIGRATIONS: "ok"})


def test_the_heartbeat_reports_a_stopped_database_and_its_return(
    site: Site, postgres: Service
) -> None:
    site.upgrade()
    assert site.checks()[0] == 200
    with services.stopped(postgres):
        status, body = report(site.app)
        assert (status, body["checks"][DATABASE]) == (500, "error")
        assert list(body["details"][DATABASE]["messages"]) == ["dockerflow.health.E008"]
        # One check alone reports the missing server.
        assert body["checks"][MIGRATIONS] == "info"
    # The check replaces the connection that the restart cut.
    assert site.checks()[0] == 200


def test_the_heartbeat_reports_a_stopped_redis_and_its_return(
    site: Site, valkey: Service
) -> None:
    site.upgrade()
    with services.stopped(valkey):
        status, body = report(site.app)
        assert (status, body["checks"][REDIS]) == (500, "error")
    assert site.checks()[0] == 200


def test_checks_return_their_connections_to_the_pool(site: Site) -> None:
    site.upgrade()

    @site.dockerflow.check
    def counts() -> None:
        site.db.session.execute(site.db.text("SELECT 1"))

    for _ in range(10):
        assert site.checks()[0] == 200
    # The context of a check ends shortly after its result is known.
    until(lambda: site.connections() == 0)


def test_a_request_keeps_its_connection_during_a_heartbeat(site: Site) -> None:
    @site.app.get("/probe")
    def probe() -> str:
        query = site.db.text("SELECT pg_backend_pid()")
        before = site.db.session.execute(query).scalar()
        assert site.checks()[0] == 200
        assert site.db.session.execute(query).scalar() == before
        return "the same"

    site.upgrade()
    assert site.app.test_client().get("/probe").data == b"the same"


@pytest.mark.parametrize("register", ["extension", "default"])
@pytest.mark.parametrize("early", [False, True], ids=["initialised", "not yet"])
def test_built_in_checks_may_be_made_outside_of_an_application_context(
    tmp_path: Path, register: str, early: bool
) -> None:
    scripts = Scripts(tmp_path / "migrations")
    scripts.add("a1")
    app = make_app(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/app.db")
    db: Any = flask_sqlalchemy.SQLAlchemy()
    migrate = flask_migrate.Migrate(directory=str(scripts.folder))
    dockerflow = Dockerflow(app)
    check = dockerflow.check if register == "extension" else default_checks.register

    def init_extensions() -> None:
        db.init_app(app)
        migrate.init_app(app, db, version_table="applied")

    if not early:
        init_extensions()
    check(default_checks.database_connected(db))
    check(default_checks.migrations_applied(migrate))
    if early:
        init_extensions()
    status, body = report(app)
    expected = {"database_connected": "ok", "migrations_applied": "warning"}
    assert (status, body["checks"]) == (200, expected)
    with app.app_context():
        scripts.upgrade(db.engine, version_table="applied")
        assert report(app)[1]["status"] == "ok"
        db.engine.dispose()


def test_checks_have_the_context_of_the_application_that_the_middleware_wraps(
    tmp_path: Path,
) -> None:
    app = make_app(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/app.sqlite")
    db: Any = flask_sqlalchemy.SQLAlchemy(app)
    application = DockerflowMiddleware(app)
    application.check(default_checks.database_connected(db), name="outside")
    with app.app_context():
        application.check(default_checks.database_connected(db), name="inside")
    answer = server_of(application).ask("/__heartbeat__")
    body = json.loads(answer.body)
    assert body["checks"] == {"outside": "ok", "inside": "ok"}
    with app.app_context():
        db.engine.dispose()


def test_checks_may_be_registered_as_in_python_dockerflow() -> None:
    db: Any = flask_sqlalchemy.SQLAlchemy()
    app = flask.Flask("app")
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    checks.register_partial(checks.check_database_connected, db)
    assert list(default_checks.get_checks()) == [DATABASE]
    Dockerflow(app, db=db)
    db.init_app(app)
    assert report(app)[1]["checks"] == {DATABASE: "ok"}
    with app.app_context():
        db.engine.dispose()


def test_an_uninitialised_database_fails_its_check() -> None:
    app = make_app()
    Dockerflow(app, db=flask_sqlalchemy.SQLAlchemy())
    status, body = report(app)
    assert (status, body["checks"]) == (500, {DATABASE: "error"})


class Late:
    """Checks that use the database and exceed their timeout."""

    def __init__(self, db: Any) -> None:
        self.db = db
        self.over = asyncio.Event()
        self.done = 0

    def query(self) -> None:
        self.db.session.execute(self.db.text("SELECT 1"))

    async def queries_late(self) -> None:
        try:
            await self.over.wait()
        finally:
            self.query()
            self.done += 1

    async def waits(self) -> None:
        self.query()
        try:
            await self.over.wait()
        finally:
            self.done += 1

    def awaitable(self) -> Any:
        return self.queries_late()


@pytest.mark.parametrize("name", ["queries_late", "waits", "awaitable"])
def test_a_late_check_returns_its_connection(tmp_path: Path, name: str) -> None:
    app = make_app(
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'db'}",
        SQLALCHEMY_ENGINE_OPTIONS={"pool_size": 2, "max_overflow": 0},
        DOCKERFLOW_CHECK_TIMEOUT=0.05,
    )
    late = Late(flask_sqlalchemy.SQLAlchemy(app))
    dockerflow = Dockerflow(app)
    for each in ("one", "two"):
        dockerflow.check(getattr(late, name), name=each)
    assert report(app)[1]["checks"] == {"one": "error", "two": "error"}
    background_loop().call_soon_threadsafe(late.over.set)
    until(lambda: late.done == 2)
    with app.app_context():
        pool = late.db.engine.pool
        until(lambda: pool.checkedout() == 0)
        late.db.engine.dispose()
