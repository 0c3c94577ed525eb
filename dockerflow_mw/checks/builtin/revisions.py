"""Alembic's migration scripts, and the graph of their revisions."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory


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


def _several(value: str | Iterable[str] | None) -> Iterable[str]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


def loader(scripts: Any) -> tuple[Callable[[], ScriptDirectory], str]:
    """Give what loads the scripts of a folder, a config or a Flask-Migrate object.

    With it comes a description of them.

    Raises:
        TypeError: it is none of these.
        ValueError: there is no such folder.
    """
    if isinstance(scripts, (str, os.PathLike)):
        folder = os.fspath(scripts)
        # Alembic also takes "package:folder".
        if ":" not in folder and not os.path.isdir(folder):
            raise ValueError(f"scripts is {folder!r}; it must be an existing folder.")
        return functools.partial(_load_folder, folder), folder
    if hasattr(scripts, "get_main_option"):
        location = scripts.get_main_option("script_location")
        return functools.partial(_load, scripts), str(location)
    if hasattr(scripts, "get_config") and hasattr(scripts, "directory"):
        return functools.partial(_load_migrate, scripts), str(scripts.directory)
    message = (
        f"scripts is {type(scripts).__name__}; it must be the path of a folder, an"
        " Alembic Config or a Flask-Migrate object."
    )
    raise TypeError(message)


def _load(config: Config) -> ScriptDirectory:
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(config)


def _load_folder(folder: str, file: str | None = None) -> ScriptDirectory:
    from alembic.config import Config

    config = Config(file)
    config.set_main_option("script_location", folder.replace("%", "%%"))
    return _load(config)


def _load_migrate(migrate: Any) -> ScriptDirectory:
    try:
        return _load(migrate.get_config())
    except RuntimeError:
        # Flask-Migrate asks the application context, and there is none out here.
        file = os.path.join(migrate.directory, "alembic.ini")
        return _load_folder(migrate.directory, file)
