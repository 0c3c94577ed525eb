"""Whether a database has the migrations of the code, by Alembic.

For a folder of scripts, an Alembic ``Config`` or a Flask-Migrate object::

    from dockerflow_mw import checks
    from dockerflow_mw.checks.builtin.migrations import migrations_applied

    checks.register(migrations_applied("migrations", engine))

The revisions of the scripts and those in the database are compared as sets over the
graph of revisions, branches and merges included. A database that lacks some is behind:
a warning, or an error where asked for. One with revisions that the scripts do not have
is ahead of the code, as in a rolling deployment or after a rollback: that is fine. One
that cannot be asked is left to the check whose task that is, `database_connected`.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from dockerflow_mw import health
from dockerflow_mw.checks.builtin.base import BuiltInCheck, Messages, Outcome
from dockerflow_mw.checks.builtin.engine import (
    describe,
    find_engine,
    misconfigured,
    query,
    query_async,
    resolve,
)
from dockerflow_mw.checks.builtin.revisions import RevisionGraph, loader
from dockerflow_mw.checks.messages import (
    ERROR,
    WARNING,
    CheckMessage,
    Debug,
    Error,
    Info,
)

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory
    from sqlalchemy import Connection

# More names than anybody reads; the rest is counted.
NAMED_REVISIONS = 10

_LEVELS = {"warning": WARNING, "error": ERROR}


def migrations_applied(
    scripts: object,
    engine: object = None,
    *,
    pending: Literal["warning", "error"] = "warning",
    version_table: str | None = None,
    version_table_schema: str | None = None,
) -> BuiltInCheck:
    """Make the check that a database has the migrations of the code.

    Args:
        scripts: the folder of the migrations, as Alembic's ``script_location``; an
            Alembic ``Config``; or a Flask-Migrate object. They are read at the first
            probe of a process and not again.
        engine: an SQLAlchemy ``Engine`` or ``AsyncEngine``, or an object that has one
            as ``engine``; by default the one of the Flask-Migrate object.
        pending: how bad it is that a migration is not applied.
        version_table: Alembic's setting of the name, where ``env.py`` has one.
        version_table_schema: likewise.

    Raises:
        TypeError: ``scripts`` or ``engine`` is none of these.
        ValueError: there is no such folder, or ``pending`` is not allowed.
    """
    if pending not in _LEVELS:
        raise ValueError(f"pending is {pending!r}; it must be 'warning' or 'error'.")
    load, target = loader(scripts)
    db = resolve(engine if engine is not None else _database_of(scripts))
    table = {
        "version_table": version_table or _option(scripts, "version_table"),
        "schema": version_table_schema or _option(scripts, "version_table_schema"),
    }
    comparison = _Comparison(load, db, _LEVELS[pending], table)
    where, distinction = describe(db)
    return BuiltInCheck(
        "migrations_applied", comparison, f"{target} in {where}", distinction
    )


_graphs: weakref.WeakKeyDictionary[Any, RevisionGraph] = weakref.WeakKeyDictionary()


def check_migrations_applied(migrate: Any) -> Outcome:
    """Check that a database has the migrations of a Flask-Migrate object.

    Returns:
        Messages; see `migrations_applied`.
    """
    try:
        db = _database_of(migrate)
        load, _ = loader(migrate)
    except (TypeError, ValueError) as error:
        return [misconfigured(error)]
    table = {
        "version_table": _option(migrate, "version_table"),
        "schema": _option(migrate, "version_table_schema"),
    }
    comparison = _Comparison(load, db, WARNING, table)
    comparison.graph = _graphs.get(migrate)
    outcome = comparison()
    if comparison.graph is not None:
        _graphs[migrate] = comparison.graph
    return outcome


def _database_of(scripts: Any) -> object:
    db = getattr(scripts, "db", None)
    if db is None:
        raise TypeError("engine is None; it must be given along with the scripts.")
    return db


def _option(scripts: Any, name: str) -> str | None:
    # Where Flask-Migrate keeps what it hands to Alembic's context.
    option: str | None = getattr(scripts, "alembic_ctx_kwargs", {}).get(name)
    return option


class _Comparison:
    """Compares a database with scripts, which it reads once.

    Args:
        load: gives the scripts.
        db: what has the engine.
        level: the level of the message about pending migrations.
        table: the keyword arguments that name the version table.
    """

    def __init__(
        self,
        load: Callable[[], ScriptDirectory],
        db: object,
        level: int,
        table: Mapping[str, Any],
    ) -> None:
        self._load = load
        self._db = db
        self._level = level
        self._table = table
        self.graph: RevisionGraph | None = None

    def __call__(self) -> Outcome:
        from sqlalchemy import Engine

        # Never on an event loop, since scripts are read and imported here.
        try:
            self.graph = self.graph or RevisionGraph.read(self._load())
        except Exception as error:
            return [_unreadable(error)]
        try:
            engine = find_engine(self._db)
        except (TypeError, RuntimeError) as error:
            return [misconfigured(error)]
        work = functools.partial(_revisions, **self._table)
        if not isinstance(engine, Engine):
            return self._compare_async(self.graph, query_async(engine, work))
        try:
            return self._compare(self.graph, query(engine, work))
        except Exception as error:
            return [_unknown(error)]

    async def _compare_async(
        self, graph: RevisionGraph, current: Awaitable[frozenset[str]]
    ) -> Messages:
        try:
            return self._compare(graph, await current)
        except Exception as error:
            return [_unknown(error)]

    def _compare(self, graph: RevisionGraph, current: frozenset[str]) -> Messages:
        messages: Messages = []
        if pending := graph.pending(current):
            text = f"Migrations that are not applied: {_listed(pending)}."
            identity = health.WARNING_UNAPPLIED_MIGRATION
            hint = "Upgrade the database with Alembic."
            messages.append(CheckMessage(text, self._level, hint, id=identity))
        if unknown := graph.unknown(current):
            text = f"The database is ahead of the code by {_listed(unknown)}."
            messages.append(Debug(text, id=health.DEBUG_DATABASE_AHEAD))
        return messages


def _revisions(
    connection: Connection, version_table: str | None, schema: str | None
) -> frozenset[str]:
    from sqlalchemy import column, inspect, select, table

    # Not through Alembic's MigrationContext, which logs two lines each time.
    name = version_table or "alembic_version"
    if not inspect(connection).has_table(name, schema=schema):
        return frozenset()
    versions = table(name, column("version_num"), schema=schema)
    return frozenset(connection.execute(select(versions.c.version_num)).scalars())


def _listed(revisions: list[str]) -> str:
    named = ", ".join(revisions[:NAMED_REVISIONS])
    more = len(revisions) - NAMED_REVISIONS
    return f"{named} and {more} more" if more > 0 else named


def _unreadable(error: Exception) -> Error:
    return Error(
        f"The migration scripts cannot be read ({type(error).__name__}).",
        id=health.ERROR_MIGRATIONS_UNREADABLE,
        hint="See the traceback in the log.",
        obj=error,
    )


def _unknown(error: Exception) -> Info:
    return Info(
        "The migrations cannot be checked, because the database cannot be asked"
        f" ({type(error).__name__}).",
        id=health.INFO_CANT_CHECK_MIGRATIONS,
        hint="Whether the database answers is the task of another check.",
        obj=error,
    )
