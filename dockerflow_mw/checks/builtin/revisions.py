"""Access to the migration scripts of Alembic."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory


class Revisions:
    """The revisions of a directory of scripts, which are imported and read once."""

    def __init__(self, scripts: ScriptDirectory) -> None:
        self._scripts = scripts
        self._known = {script.revision for script in scripts.walk_revisions()}
        self._heads = set(scripts.get_heads())

    def unknown(self, current: frozenset[str]) -> list[str]:
        """Return the revisions of a database that the scripts lack."""
        return sorted(current - self._known)

    def pending(self, current: frozenset[str]) -> list[str]:
        """Return the revisions that a database lacks, in the order of an upgrade."""
        known = tuple(current & self._known)
        is_ahead = len(known) < len(current)
        if current == self._heads or (is_ahead and not known):
            return []
        # A newer release has upgraded a database that is ahead, and may have replaced
        # the revisions of other branches. Only successors of a known one are pending.
        lacking = self._scripts.iterate_revisions(
            "heads", known, implicit_base=not is_ahead
        )
        return [script.revision for script in reversed(list(lacking))]


def loader(scripts: Any) -> tuple[Callable[[], ScriptDirectory], str]:
    """Return a function that loads migration scripts, and a description of them.

    Args:
        scripts: the path of a folder, an Alembic ``Config`` or a Flask-Migrate object.

    Raises:
        TypeError: ``scripts`` is none of these.
        ValueError: the folder does not exist.
    """
    if isinstance(scripts, (str, os.PathLike)):
        folder = os.fspath(scripts)
        # Alembic also accepts "package:folder".
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
        # Flask-Migrate reads its configuration from the application context.
        file = os.path.join(migrate.directory, "alembic.ini")
        return _load_folder(migrate.directory, file)
