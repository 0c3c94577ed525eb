"""The first request of a process, and the place of the version file."""

from __future__ import annotations

import importlib
import json
import logging
import os
import pkgutil
import tempfile
from pathlib import Path

import pytest

from dockerflow_mw import version
from tests.compat.rows.isolated import BOTH, isolated

FRAMEWORKS = ("django", "fastapi", "flask", "sanic")


def first_records(package: str) -> list[list[str]]:
    """Return the records of a process's first request.

    The service of ``FRAMEWORK`` has no version.json.
    """
    project = importlib.import_module(
        f"tests.compat.projects.{os.environ['FRAMEWORK']}"
    )
    records: list[list[str]] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            # The servers and clients of the frameworks log as well.
            if record.name.startswith(("dockerflow", "request")):
                records.append([record.name, record.levelname])

    logging.root.addHandler(Handler())
    logging.root.setLevel(logging.INFO)
    with tempfile.TemporaryDirectory() as folder:
        project.make(package, Path(folder))("GET", "/", {})
    return records


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("package", BOTH)
def test_c02_the_first_request_of_an_adapter_logs_its_summary_alone(
    package: str, framework: str
) -> None:
    found = isolated(first_records, package, env={"FRAMEWORK": framework})
    assert found == [["request.summary", "INFO"]]


# Flask's default is the folder above the application, as in python-dockerflow.
DOORS = (
    "tests.doors:BareWSGI",
    "tests.doors:BareASGI",
    "tests.django.door:DjangoASGI",
    "tests.django.door:DjangoWSGI",
    "tests.fastapi.door:FastAPIDoor",
    "tests.sanic.door:SanicDoor",
)


@pytest.mark.parametrize("door", DOORS)
def test_c13_version_json_in_app_goes_before_the_working_directory(
    door: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, cwd = tmp_path / "app", tmp_path / "cwd"
    for folder in (app, cwd):
        folder.mkdir()
        (folder / "version.json").write_text(json.dumps({"folder": folder.name}))
    # The test leaves no file in the real /app.
    folders = [app if f == Path("/app") else f for f in version.DEFAULT_FOLDERS]
    monkeypatch.setattr(version, "DEFAULT_FOLDERS", folders)
    monkeypatch.chdir(cwd)
    for expected in ("app", "cwd"):
        made = pkgutil.resolve_name(door)
        assert json.loads(made().ask("/__version__").body) == {"folder": expected}
        getattr(made, "close", tuple)()
        (app / "version.json").unlink(missing_ok=True)
