"""The version file: how it is found and read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dockerflow_mw.version import find_version_file, get_version


def test_get_version_returns_the_whole_object(tmp_path: Path) -> None:
    version = {"version": "v0.0.0", "commit": None, "image_tag": "extra"}
    (tmp_path / "version.json").write_text(json.dumps(version))
    assert get_version(tmp_path) == version
    assert get_version(str(tmp_path)) == version


def test_get_version_returns_none_without_a_file(tmp_path: Path) -> None:
    assert get_version(tmp_path) is None
    assert get_version(tmp_path / "nowhere") is None


def test_get_version_raises_if_the_file_holds_no_object(tmp_path: Path) -> None:
    (tmp_path / "version.json").write_text("[]")
    with pytest.raises(ValueError, match="holds a JSON list; it must hold an object"):
        get_version(tmp_path)


def test_find_version_file_takes_a_missing_path_for_a_folder(
    tmp_path: Path,
) -> None:
    assert find_version_file(tmp_path / "app") == tmp_path / "app" / "version.json"
    assert find_version_file(tmp_path / "x.json") == tmp_path / "x.json"
    (tmp_path / "VERSION").touch()
    assert find_version_file(tmp_path / "VERSION") == tmp_path / "VERSION"
