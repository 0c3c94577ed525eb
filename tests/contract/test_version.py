"""The version that every door returns."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.doors import Door

MakeDoor = Callable[..., Door]

VERSION = {
    "source": "https://example.com/a/b",
    "version": "",
    "commit": "c0ffee",
    "build": None,
    "image_tag": "extra keys survive",
}


@pytest.fixture
def version_path(tmp_path: Path) -> Path:
    file = tmp_path / "version.json"
    file.write_text(json.dumps(VERSION))
    return file


def test_version_returns_the_object_of_the_file(
    door: MakeDoor, version_path: Path
) -> None:
    answer = door(version_path=version_path).ask("/__version__")
    assert (answer.status, json.loads(answer.body)) == (200, VERSION)
    assert answer.headers["content-type"] == "application/json"


def test_version_is_found_in_a_folder(door: MakeDoor, version_path: Path) -> None:
    answer = door(version_path=version_path.parent).ask("/__version__")
    assert json.loads(answer.body) == VERSION


def test_the_credentials_of_a_url_in_the_version_are_masked(
    door: MakeDoor, version_path: Path
) -> None:
    source = "https://gitlab-ci-token:glpat-x@gitlab.example.com/a/b"
    version_path.write_text(json.dumps({"source": source, "list": [source, 1]}))
    version = json.loads(door(version_path=version_path).ask("/__version__").body)
    masked = "https://***@gitlab.example.com/a/b"
    assert version == {"source": masked, "list": [masked, 1]}


def test_a_missing_version_is_404(door: MakeDoor, tmp_path: Path) -> None:
    answer = door(version_path=tmp_path).ask("/__version__")
    assert answer.status == 404
    assert json.loads(answer.body) == {"error": "There is no version object."}


def test_c02_the_first_request_for_a_missing_version_logs_a_warning(
    door: MakeDoor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = door(version_path=tmp_path)
    counts = []
    for path in ("/", "/__version__", "/__version__"):
        made.ask(path)
        found = [r for r in caplog.records if r.name == "dockerflow.version"]
        counts.append(len(found))
    assert counts == [0, 1, 1]
    text = f"The version file {tmp_path / 'version.json'} is missing; set version_path"
    assert found[0].levelno == logging.WARNING
    assert found[0].getMessage().startswith(text)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"{", id="invalid JSON"),
        pytest.param(b"[]", id="an array"),
        pytest.param(b"null", id="null"),
        pytest.param(b"\xff\xfe\xfd", id="invalid UTF-8"),
        pytest.param(b"", id="empty"),
        pytest.param(b'{"version": NaN}', id="NaN"),
        pytest.param(b'{"a":' * 100_000, id="nested too deep"),
    ],
)
def test_a_malformed_version_is_500_and_only_the_log_has_its_traceback(
    door: MakeDoor,
    tmp_path: Path,
    content: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "version.json").write_bytes(content)
    answer = door(version_path=tmp_path).ask("/__version__")
    assert answer.status == 500
    assert json.loads(answer.body) == {"error": "The version object cannot be read."}
    records = [r for r in caplog.records if r.name == "dockerflow.version"]
    assert [r.levelno for r in records] == [logging.ERROR]
    assert records[0].exc_info is not None


async def _async_version(folder: Path) -> dict[str, str]:
    return {"folder": folder.name}


def _sync_version(folder: Path) -> dict[str, str]:
    return {"folder": folder.name}


@pytest.mark.parametrize("callback", [_sync_version, _async_version])
def test_a_version_callback_replaces_the_file(
    door: MakeDoor, version_path: Path, callback: Callable[..., object]
) -> None:
    made = door(version_path=version_path, version_callback=callback)
    answer = made.ask("/__version__")
    assert json.loads(answer.body) == {"folder": version_path.parent.name}


@pytest.mark.parametrize(
    ("result", "status"),
    [
        pytest.param(None, 404, id="returns None"),
        pytest.param(object(), 500, id="returns an object that JSON cannot represent"),
        pytest.param("v1", 500, id="returns a string"),
        pytest.param(ZeroDivisionError(), 500, id="raises"),
        pytest.param(SystemExit(3), 500, id="exits"),
    ],
)
def test_a_version_callback_that_fails_gives_an_error_status(
    door: MakeDoor, result: object, status: int
) -> None:
    def callback(folder: Path) -> object:
        if isinstance(result, BaseException):
            raise result
        return result

    assert door(version_callback=callback).ask("/__version__").status == status
