"""Checks whether a database has all migrations of the code, through Alembic.

The check compares the revisions of the scripts with those in the database, branches
and merges included:

- If the database lacks revisions, it is behind: a warning, or an error if requested.
- If it has revisions that the scripts lack, it is ahead of the code, as in a rolling
  deployment or after a rollback. That is no fault.
- If it cannot be queried, `database_connected` is the check that fails.
"""

from __future__ import annotations

import functools
import weakref
from typing import TYPE_CHECKING, Any, Literal

from dockerflow_mw import health
from dockerflow_mw.checks.builtin.base import BuiltInCheck, Messages, Outcome
from dockerflow_mw.checks.builtin.engine import describe, misconfigured, query, resolve
from dockerflow_mw.checks.builtin.revisions import Revisions, loader
from dockerflow_mw.checks.messages import (
    ERROR,
    WARNING,
    CheckMessage,
    Debug,
    Error,
    Info,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

# A message names this many revisions at most and counts the rest.
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
    """Return a check that a database has all migrations of the code.

    Args:
        scripts: the folder of the migrations, as Alembic's ``script_location``; an
            Alembic ``Config``; or a Flask-Migrate object, see `database_connected`. The
            first probe of a process reads the scripts.
        engine: an SQLAlchemy ``Engine`` or ``AsyncEngine``, or an object with one of
            them as ``engine``; by default that of the Flask-Migrate object.
        pending: the level of a migration that is not applied.
        version_table: Alembic's setting of that name, if ``env.py`` sets it.
        version_table_schema: Alembic's setting of that name, if ``env.py`` sets it.

    Raises:
        TypeError: ``scripts`` or ``engine`` is of another type.
        ValueError: the folder does not exist, or ``pending`` is not allowed.
    """
    if pending not in _LEVELS:
        raise ValueError(f"pending is {pending!r}; it must be 'warning' or 'error'.")
    comparison = _Comparison(
        scripts, engine, version_table, version_table_schema, _LEVELS[pending]
    )
    database, url = describe(scripts if comparison.db is None else comparison.db)
    target = f"{comparison.folder} in {database}"
    return BuiltInCheck("migrations_applied", comparison, target, url)


_revisions: weakref.WeakKeyDictionary[Any, Revisions] = weakref.WeakKeyDictionary()


def check_migrations_applied(migrate: Any) -> Outcome:
    """Check that a database has all migrations of a Flask-Migrate object.

    Returns:
        Messages; see `migrations_applied`.
    """
    try:
        comparison = _Comparison(migrate)
    except (TypeError, ValueError) as error:
        return [misconfigured(error)]
    comparison.revisions = _revisions.get(migrate)
    outcome = comparison()
    if comparison.revisions is not None:
        _revisions[migrate] = comparison.revisions
    return outcome


class _Comparison:
    """A comparison of a database with migration scripts, which are read once."""

    def __init__(
        self,
        scripts: Any,
        engine: object = None,
        table: str | None = None,
        schema: str | None = None,
        level: int = WARNING,
    ) -> None:
        self.load, self.folder = loader(scripts)
        if engine is None and not hasattr(scripts, "db"):
            raise TypeError("engine is None; it must be given along with the scripts.")
        db = scripts.db if engine is None else engine
        # A Flask-Migrate object has no database before its `init_app`.
        self.db = None if db is None else resolve(db)
        self.scripts = scripts
        self.table = table
        self.schema = schema
        self.level = level
        self.revisions: Revisions | None = None

    def __call__(self) -> Outcome:
        # A sync function, so that imports of scripts do not block the event loop.
        try:
            self.revisions = self.revisions or Revisions(self.load())
        except Exception as error:
            return [_unreadable(error)]
        work = functools.partial(self._compare, self.revisions)
        db = self.scripts.db if self.db is None else self.db
        return query(db, work, _cannot_check)

    def _compare(self, revisions: Revisions, connection: Connection) -> Messages:
        current = self._current(connection)
        messages: Messages = []
        if pending := revisions.pending(current):
            text = f"Migrations that are not applied: {_listed(pending)}."
            identity = health.WARNING_UNAPPLIED_MIGRATION
            hint = "Upgrade the database with Alembic."
            messages.append(CheckMessage(text, self.level, hint, id=identity))
        if unknown := revisions.unknown(current):
            text = f"The database is ahead of the code by {_listed(unknown)}."
            messages.append(Debug(text, id=health.DEBUG_DATABASE_AHEAD))
        return messages

    def _current(self, connection: Connection) -> frozenset[str]:
        from sqlalchemy import column, inspect, select, table

        # Flask-Migrate keeps the arguments for Alembic's context here.
        options = getattr(self.scripts, "alembic_ctx_kwargs", {})
        name = self.table or options.get("version_table") or "alembic_version"
        schema = self.schema or options.get("version_table_schema")
        # Alembic's MigrationContext would log two lines at each probe.
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


def _cannot_check(error: Exception) -> Info:
    return Info(
        "The migrations cannot be checked, because the database query failed"
        f" ({type(error).__name__}).",
        id=health.INFO_CANT_CHECK_MIGRATIONS,
        hint="If the database is down, the check database_connected fails.",
        obj=error,
    )
