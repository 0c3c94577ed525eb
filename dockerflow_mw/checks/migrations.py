"""Whether a database has the migrations of the code, by Alembic.

For a folder of scripts, an Alembic ``Config`` or a Flask-Migrate object::

    from dockerflow_mw import checks
    from dockerflow_mw.checks.migrations import migrations_applied

    checks.register(migrations_applied("migrations", engine))

The revisions of the scripts and those in the database are compared as sets over the
graph of revisions, branches and merges included. A database that lacks some is behind:
a warning, or an error where asked for. One with revisions that the scripts do not have
is ahead of the code, as in a rolling deployment or after a rollback: that is fine. One
that cannot be asked is left to the check whose task that is, `database_connected`.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from dockerflow_mw import health
from dockerflow_mw.checks import database
from dockerflow_mw.checks.builtin import BuiltInCheck, Messages, Outcome
from dockerflow_mw.checks.messages import ERROR, WARNING, CheckMessage, Debug, Error, Info

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from sqlalchemy import Connection

# More names than anybody reads; the rest is counted.
NAMED_REVISIONS = 10

_LEVELS = {"warning": WARNING, "error": ERROR}


@dataclasses.dataclass(frozen=True, slots=True)
class RevisionGraph:
    """The revisions of some scripts, each with those that must come before it."""

    parents: Mapping[str, frozenset[str]]

    @classmethod
    def read(cls, scripts: ScriptDirectory) -> Self:
        """Read the scripts, which imports them all.

        Raises:
            Exception: whatever the scripts raise, or Alembic about them.
        """
        revisions = reversed(list(scripts.walk_revisions()))
        return cls(
            {
                script.revision: frozenset(
                    scripts.get_revision(parent).revision
                    for parents in (script.down_revision, script.dependencies)
                    for parent in _several(parents)
                )
                for script in revisions
            }
        )

    def unknown(self, current: frozenset[str]) -> list[str]:
        """Give the revisions of a database that the scripts do not have."""
        return sorted(current - self.parents.keys())

    def pending(self, current: frozenset[str]) -> list[str]:
        """Give the revisions that a database lacks, in an order to apply them."""
        applied = self._closure(current, self.parents)
        if self.unknown(current):
            # Newer code has been there, and it may have had all that is not known to
            # come after what is there now.
            lacking = self._closure(current, self._children()) - current
        else:
            lacking = self.parents.keys() - applied
        return [revision for revision in self.parents if revision in lacking]

    def _children(self) -> dict[str, set[str]]:
        children: dict[str, set[str]] = {revision: set() for revision in self.parents}
        for revision, parents in self.parents.items():
            for parent in parents:
                children[parent].add(revision)
        return children

    @staticmethod
    def _closure(
        current: frozenset[str], neighbours: Mapping[str, Iterable[str]]
    ) -> set[str]:
        found: set[str] = set()
        waiting = list(current)
        while waiting:
            revision = waiting.pop()
            if revision not in found:
                found.add(revision)
                waiting.extend(neighbours.get(revision, ()))
        return found


def _several(value: None | str | Iterable[str]) -> Iterable[str]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


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
        self._graph: RevisionGraph | None = None

    def __call__(self) -> Outcome:
        # Never on an event loop, since scripts are read and imported here.
        try:
            self._graph = self._graph or RevisionGraph.read(self._load())
        except Exception as error:
            return [_unreadable(error)]
        try:
            engine = database.find_engine(self._db)
        except (TypeError, RuntimeError) as error:
            return [database.misconfigured(error)]
        work = functools.partial(_revisions, **self._table)
        if database.is_async(engine):
            return self._compare_async(self._graph, database.query_async(engine, work))
        try:
            return self._compare(self._graph, database.query(engine, work))
        except Exception as error:
            return [_unknown(error)]
