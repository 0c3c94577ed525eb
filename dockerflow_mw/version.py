"""The version object: what is in version.json, as it is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from dockerflow_mw.redact import redact_urls

FILE_NAME = "version.json"

# The specification puts the application, and so the file, in /app.
DEFAULT_FOLDERS = (Path(), Path("/app"))


def get_version(root: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Read the version object of a folder.

    Args:
        root: the folder that holds version.json.

    Returns:
        The object with all its keys, or None when there is no such file.

    Raises:
        ValueError: the file holds no JSON object.
        OSError: the file is there and cannot be read.
    """
    return read_version(Path(root) / FILE_NAME)


def read_version(file: Path) -> dict[str, Any] | None:
    """Read the version object from a file; see `get_version`."""
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    version = json.loads(content)
    if not isinstance(version, dict):
        message = (
            f"{file} holds a JSON {type(version).__name__}; it must hold an object."
        )
        raise ValueError(message)
    return version


def find_version_file(path: Path | None) -> Path:
    """Tell which file holds the version object, whether it is there or not.

    Args:
        path: the file, or its folder; None tries the working directory, then
            ``/app``.
    """
    if path is not None:
        is_file = os.path.isfile(path) or path.suffix == ".json"
        return path if is_file and not os.path.isdir(path) else path / FILE_NAME
    candidates = [folder / FILE_NAME for folder in DEFAULT_FOLDERS]
    # Not Path.exists, which raises where a folder may not be searched.
    return next((file for file in candidates if os.path.exists(file)), candidates[0])


def public(value: Any) -> Any:
    """Give a copy of a version object without the credentials of its URLs.

    The address of a repository, as CI systems know it, may hold a token.
    """
    if isinstance(value, str):
        return redact_urls(value)
    if isinstance(value, dict):
        return {name: public(item) for name, item in value.items()}
    if isinstance(value, list):
        return [public(item) for item in value]
    return value
