"""The version object of an application, from its version.json.

The Dockerflow specification asks for the keys ``source``, ``version``, ``commit`` and
``build``; all keys of the file are kept.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from dockerflow_mw.redact import redact_urls

__all__ = ["get_version"]

FILE_NAME = "version.json"

# The Dockerflow specification puts the application into /app.
DEFAULT_FOLDERS = (Path("/app"), Path())


def get_version(root: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return the version object of a folder, or None if it has no version.json.

    Args:
        root: the folder with version.json.

    Raises:
        ValueError: the file does not hold a JSON object.
        OSError: the file cannot be read.
    """
    return read_version(Path(root) / FILE_NAME)


def read_version(file: Path) -> dict[str, Any] | None:
    """Return the version object of a file; see `get_version`."""
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    version = json.loads(content)
    if not isinstance(version, dict):
        kind = type(version).__name__
        raise ValueError(f"{file} holds a JSON {kind}; it must hold an object.")
    return version


def find_version_file(path: Path | None) -> Path:
    """Return the path of the version file, which may be missing.

    Args:
        path: the file or its folder; None for ``/app``, then the working directory.
    """
    if path is not None:
        is_file = os.path.isfile(path) or path.suffix == ".json"
        return path if is_file and not os.path.isdir(path) else path / FILE_NAME
    candidates = [folder / FILE_NAME for folder in DEFAULT_FOLDERS]
    # Path.exists raises in Python 3.11 if the folder may not be searched.
    return next((file for file in candidates if os.path.exists(file)), candidates[-1])


def public(value: Any) -> Any:
    """Return a copy of a version object without the credentials of its URLs.

    CI systems may put a token into the address of a repository.
    """
    if isinstance(value, str):
        return redact_urls(value)
    if isinstance(value, dict):
        return {name: public(item) for name, item in value.items()}
    if isinstance(value, list):
        return [public(item) for item in value]
    return value
