from __future__ import annotations

import json
from pathlib import Path

import pytest

from dockerflow_mw.version import find_version_file, get_version


def test_get_version_gives_the_whole_object(tmp_path: Path) -> None:
    version = {"version": "v0.0.0", "commit": None, "image_tag": "extra"}
    (tmp_path / "version.json").write_text(json.dumps(version))
    assert get_version(tmp_path) == version
    assert get_version(str(tmp_path)) == version


def test_get_version_is_none_without_a_file(tmp_path: Path) -> None:
    assert get_version(tmp_path) is None
    assert get_version(tmp_path / "nowhere") is None


def test_get_version_refuses_what_is_no_object(tmp_path: Path) -> None:
    (tmp_path / "version.json").write_text("[]")
    with pytest.raises(ValueError, match="holds a JSON list; it must hold an object"):
        get_version(tmp_path)


def test_the_file_is_looked_for_in_the_working_directory_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "version.json").write_text("{}")
    assert find_version_file(None) == Path("version.json")
    assert find_version_file(tmp_path) == tmp_path / "version.json"
    assert find_version_file(tmp_path / "other.json") == tmp_path / "other.json"


def test_a_path_that_is_not_there_is_a_folder_unless_its_name_is_a_file_s(
    tmp_path: Path,
) -> None:
    assert find_version_file(tmp_path / "app") == tmp_path / "app" / "version.json"
    (tmp_path / "VERSION").touch()
    assert find_version_file(tmp_path / "VERSION") == tmp_path / "VERSION"
