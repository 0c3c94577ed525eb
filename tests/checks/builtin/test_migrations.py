"""Tests of the migrations check with scripts and version tables of Alembic."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from dockerflow_mw import checks
from dockerflow_mw.checks.builtin.base import BuiltInCheck
from dockerflow_mw.checks.builtin.migrations import (
    check_migrations_applied,
    migrations_applied,
)
from tests import services
from tests.checks.builtin.faults import (
    Network,
    WebServer,
    leaks,
    probe,
    probe_until_ok,
)
from tests.services import Service

OK: tuple[int, list[str]] = (200, [])
BEHIND = (200, ["W001"])
AHEAD = (200, ["D101"])
CANNOT_CHECK = (200, ["I001"])
UNREADABLE = (500, ["E106"])

ENVIRONMENT = """
from alembic import context
attributes = context.config.attributes
context.configure(connection=attributes["connection"], **attributes["options"])
with context.begin_transaction():
    context.run_migrations()
"""

REVISION = """
revision = {revision!r}
down_revision = {down!r}
branch_labels = {labels!r}
depends_on = {depends!r}
def upgrade(): pass
def downgrade(): pass
"""

Down = str | tuple[str, ...] | None


class Scripts:
    """A folder of migration scripts that do nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "versions").mkdir(parents=True)
        (folder / "env.py").write_text(ENVIRONMENT)

    def add(
        self, revision: str, down: Down = None, depends: Down = None, label: Down = None
    ) -> None:
        """Add a revision after others."""
        values = {"down": down, "depends": depends, "labels": label}
        script = REVISION.format(revision=revision, **values)
        (self.folder / "versions" / f"{revision}.py").write_text(script)

    def remove(self, revision: str) -> None:
        """Remove a revision, as in an older release of the code."""
        (self.folder / "versions" / f"{revision}.py").unlink()

    def config(self) -> Config:
        """Return a configuration of the folder."""
        config = Config()
        location = str(self.folder).replace("%", "%%")
        config.set_main_option("script_location", location)
        return config

    def upgrade(self, engine: Engine, *revisions: str, **options: Any) -> None:
        """Upgrade a database, by default to all heads."""
        config = self.config()
        with engine.begin() as connection:
            config.attributes.update(connection=connection, options=options)
            for revision in revisions or ("heads",):
                command.upgrade(config, revision)


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    """Three revisions, one after another."""
    made = Scripts(tmp_path / "migrations")
    made.add("a1")
    made.add("a2", "a1")
    made.add("a3", "a2")
    return made


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'app.db'}")
    yield engine
    engine.dispose()


Check = Callable[..., WebServer]


@pytest.fixture(params=["sync", "async"])
def check(request: pytest.FixtureRequest, web_server: WebServer) -> Iterator[Check]:
    with contextlib.ExitStack() as stack:

        def make(scripts: object, url: Any, **options: Any) -> WebServer:
            driver, _, rest = str(url).partition("://")
            engine: Any
            if request.param == "async":
                driver = {"sqlite": "sqlite+aiosqlite"}.get(
                    driver, "postgresql+psycopg"
                )
                engine = create_async_engine(f"{driver}://{rest}")
                stack.callback(lambda: web_server.run(engine.dispose()))
            else:
                driver = {"sqlite": "sqlite"}.get(driver, "postgresql+psycopg")
                engine = create_engine(f"{driver}://{rest}")
                stack.callback(engine.dispose)
            web_server.application.check(migrations_applied(scripts, engine, **options))
            return web_server

        yield make


def test_a_database_with_all_migrations_is_ok(
    check: Check, scripts: Scripts, database: Engine
) -> None:
    scripts.upgrade(database)
    assert probe(check(scripts.folder, database.url)).outcome == OK


def test_a_folder_may_have_a_name_with_a_syntax_of_config_files(
    check: Check, tmp_path: Path, database: Engine
) -> None:
    scripts = Scripts(tmp_path / "100%(here)s")
    scripts.add("a1")
    scripts.upgrade(database)
    assert probe(check(scripts.folder, database.url)).outcome == OK


def test_a_database_that_is_behind_is_a_warning(
    check: Check, scripts: Scripts, database: Engine
) -> None:
    scripts.upgrade(database, "a1")
    web_server = check(scripts.folder, database.url)
    behind = probe(web_server)
    assert behind.outcome == BEHIND
    assert list(behind.messages.values()) == [
        "Migrations that are not applied: a2, a3."
    ]

    scripts.upgrade(database)
    assert probe(web_server).outcome == OK


def test_a_database_that_is_behind_can_be_an_error(
    check: Check, scripts: Scripts, database: Engine
) -> None:
    scripts.upgrade(database, "a1")
    web_server = check(scripts.folder, database.url, pending="error")
    assert probe(web_server).outcome == (500, ["W001"])

    scripts.upgrade(database)
    assert probe(web_server).outcome == OK


def test_a_database_without_a_version_table_lacks_all_migrations(
    check: Check, scripts: Scripts, database: Engine
) -> None:
    web_server = check(scripts.folder, database.url)
    missing = probe(web_server)
    assert missing.outcome == BEHIND
    assert "not applied: a1, a2, a3." in missing.body

    scripts.upgrade(database)
    assert probe(web_server).outcome == OK


def test_a_database_that_is_ahead_of_the_code_is_ok(
    check: Check, scripts: Scripts, database: Engine
) -> None:
    scripts.upgrade(database)
    scripts.remove("a3")
    ahead = probe(check(scripts.folder, database.url))
    assert ahead.outcome == AHEAD
    assert list(ahead.messages.values()) == ["The database is ahead of the code by a3."]


def test_a_database_needs_the_migrations_of_two_heads(
    check: Check, scripts: Scripts, database: Engine
) -> None:
    scripts.add("b2", "a1")
    scripts.upgrade(database, "a3")
    web_server = check(scripts.folder, database.url)
    assert "not applied: b2." in probe(web_server).body

    scripts.upgrade(database, "b2")
    assert probe(web_server).outcome == OK


def test_a_database_may_be_ahead_on_one_branch_and_behind_on_another(
    check: Check, scripts: Scripts, database: Engine
) -> None:
    scripts.add("b1")
    scripts.upgrade(database)
    scripts.add("b2", "b1")
    scripts.remove("a3")
    both = probe(check(scripts.folder, database.url))
    assert both.outcome == (200, ["W001", "D101"])
    assert "not applied: b2." in both.body
    assert "ahead of the code by a3." in both.body


def test_a_database_needs_the_migrations_of_merged_branches(
    check: Check, scripts: Scripts, database: Engine
) -> None:
    scripts.add("b2", "a1")
    scripts.add("m1", ("a3", "b2"))
    scripts.upgrade(database, "a3")
    web_server = check(scripts.folder, database.url)
    assert "not applied: b2, m1." in probe(web_server).body

    scripts.upgrade(database)
    assert probe(web_server).outcome == OK


@pytest.mark.parametrize("depends", ["a2", "extra"])
def test_a_dependency_counts_as_applied(
    check: Check, scripts: Scripts, database: Engine, depends: str
) -> None:
    scripts.add("a2", "a1", label="extra")
    scripts.add("b1", depends=depends)
    scripts.upgrade(database, "b1")
    web_server = check(scripts.folder, database.url)
    assert "not applied: a3." in probe(web_server).body

    scripts.upgrade(database)
    assert probe(web_server).outcome == OK


def test_a_message_counts_many_revisions(
    check: Check, scripts: Scripts, database: Engine
) -> None:
    for i in range(4, 20):
        scripts.add(f"a{i}", f"a{i - 1}")
    body = probe(check(scripts.folder, database.url)).body
    assert "a9, a10 and 9 more." in body


def test_the_scripts_are_read_once(
    check: Check, scripts: Scripts, database: Engine
) -> None:
    scripts.upgrade(database)
    web_server = check(scripts.folder, database.url)
    assert probe(web_server).outcome == OK
    for revision in ("a1", "a2", "a3"):
        scripts.remove(revision)
    assert probe(web_server).outcome == OK


def test_scripts_that_cannot_be_read_are_an_error_until_they_can(
    check: Check, scripts: Scripts, database: Engine
) -> None:
    (scripts.folder / "versions" / "a2.py").write_text("this is no Python")
    web_server = check(scripts.folder, database.url)
    unreadable = probe(web_server)
    assert unreadable.outcome == UNREADABLE
    assert str(scripts.folder) not in unreadable.body

    scripts.add("a2", "a1")
    scripts.upgrade(database)
    assert probe(web_server).outcome == OK


@pytest.mark.filterwarnings("ignore:Revision a2 .*is not present")
def test_scripts_with_a_missing_revision_are_an_error(
    check: Check, scripts: Scripts, database: Engine
) -> None:
    scripts.remove("a2")
    assert probe(check(scripts.folder, database.url)).outcome == UNREADABLE


def test_a_config_and_a_version_table_of_another_name_are_used(
    check: Check, scripts: Scripts, database: Engine
) -> None:
    scripts.upgrade(database, version_table="applied")
    web_server = check(scripts.config(), database.url, version_table="applied")
    assert probe(web_server).outcome == OK


@pytest.fixture
def schema(postgres: Service, scripts: Scripts) -> Iterator[str]:
    """A schema of PostgreSQL whose version table has all migrations."""
    with psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE SCHEMA migrated")
    engine = create_engine(f"postgresql+psycopg:{postgres.url.partition(':')[2]}")
    scripts.upgrade(engine, version_table_schema="migrated")
    engine.dispose()
    yield "migrated"
    with psycopg.connect(postgres.url) as connection:
        connection.execute("DROP SCHEMA migrated CASCADE")


def test_a_stopped_database_cannot_be_checked(
    check: Check, scripts: Scripts, postgres: Service, schema: str
) -> None:
    web_server = check(scripts.folder, postgres.url, version_table_schema=schema)
    assert probe(web_server).outcome == OK
    with services.stopped(postgres):
        down = probe(web_server)

    assert down.outcome == CANNOT_CHECK
    assert leaks(down.body, postgres.url) == []
    assert probe(web_server).outcome == OK


def test_a_network_that_drops_everything_makes_the_check_late(
    check: Check, scripts: Scripts, postgres: Service, schema: str
) -> None:
    with Network(postgres.url) as network:
        web_server = check(scripts.folder, network.url, version_table_schema=schema)
        network.block()
        assert probe(web_server).outcome == (500, ["E103"])
        network.unblock()
        probe_until_ok(web_server)


def ids(messages: object) -> list[str]:
    assert isinstance(messages, list)
    return [message.id.rpartition(".")[2] for message in messages]


@pytest.fixture
def flask_app(scripts: Scripts, tmp_path: Path) -> Any:
    flask = pytest.importorskip("flask")
    flask_migrate = pytest.importorskip("flask_migrate")
    flask_sqlalchemy = pytest.importorskip("flask_sqlalchemy")
    app = flask.Flask("app")
    url = f"sqlite:///{tmp_path / 'app.db'}"
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    db = flask_sqlalchemy.SQLAlchemy(app)
    app.migrate = flask_migrate.Migrate(
        app, db, directory=scripts.folder, version_table="applied"
    )
    yield app
    with app.app_context():
        db.engine.dispose()


def test_flask_migrate_works_in_an_application_context(
    flask_app: Any, scripts: Scripts, database: Engine
) -> None:
    with flask_app.app_context():
        check = migrations_applied(flask_app.migrate)
        assert ids(check()) == ["W001"]
        assert ids(check_migrations_applied(flask_app.migrate)) == ["W001"]
    # Outside of the application context, the check still has its engine.
    scripts.upgrade(database, version_table="applied")
    assert ids(check()) == []


def test_flask_migrate_needs_an_engine_outside_of_an_application_context(
    flask_app: Any, scripts: Scripts, database: Engine
) -> None:
    scripts.upgrade(database, version_table="applied")
    assert ids(migrations_applied(flask_app.migrate)()) == ["E003"]
    assert ids(check_migrations_applied(flask_app.migrate)) == ["E003"]
    assert ids(migrations_applied(flask_app.migrate, database)()) == []


def test_check_migrations_applied_reads_the_scripts_once(
    flask_app: Any, scripts: Scripts, database: Engine
) -> None:
    scripts.upgrade(database, version_table="applied")
    with flask_app.app_context():
        assert ids(check_migrations_applied(flask_app.migrate)) == []
        scripts.add("a4", "a3")
        assert ids(check_migrations_applied(flask_app.migrate)) == []


class Nothing:
    db = object()


@pytest.mark.parametrize("migrate", [None, object(), "migrations", Nothing()])
def test_check_migrations_applied_reports_an_object_of_another_type(
    migrate: object,
) -> None:
    assert ids(check_migrations_applied(migrate)) == ["E003"]


def refused(scripts: object, engine: object = None, **options: Any) -> str:
    with pytest.raises((TypeError, ValueError)) as raised:
        migrations_applied(scripts, engine, **options)
    return str(raised.value)


def test_an_invalid_argument_raises_an_error_that_names_it(
    scripts: Scripts, database: Engine
) -> None:
    assert refused("nowhere", database) == (
        "scripts is 'nowhere'; it must be an existing folder."
    )
    assert refused(object(), database) == (
        "scripts is object; it must be the path of a folder, an Alembic Config or a"
        " Flask-Migrate object."
    )
    assert refused(scripts.folder) == (
        "engine is None; it must be given along with the scripts."
    )
    assert "must be an SQLAlchemy Engine" in refused(scripts.folder, "sqlite://")
    assert refused(scripts.folder, database, pending="fatal") == (
        "pending is 'fatal'; it must be 'warning' or 'error'."
    )


def test_checks_are_identified_by_their_database_and_show_no_credentials(
    scripts: Scripts,
) -> None:
    def made(url: str) -> BuiltInCheck:
        return migrations_applied(scripts.folder, create_engine(url))

    check = made("postgresql+psycopg://somebody:secret@host/app")
    assert check.__name__ == "migrations_applied"
    assert check.critical
    assert (
        made("postgresql+psycopg://somebody:other@host/app").identity == check.identity
    )
    other = made("postgresql+psycopg://somebody:secret@host/other")
    assert other.identity != check.identity
    told = repr([check, check.identity])
    assert "secret" not in told
    assert "somebody" not in told
    registry = checks.Registry()
    registry.register(check)
    with pytest.raises(checks.DuplicateCheckError):
        registry.register(other)
