"""The command that moves a project from python-dockerflow."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dockerflow_mw.cli import names
from tests.compat.rows.isolated import ROOT, THEIRS, isolated
from tests.compat.rows.trees import TREES

PAGE = ROOT / "docs" / "migrating.md"

FRAMEWORKS = sorted(TREES)

each_framework = pytest.mark.parametrize("framework", FRAMEWORKS)


def run(folder: Path, *arguments: str) -> list[str]:
    """Run Python in a folder; return the lines of its output."""
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def migrate(folder: Path, *options: str) -> list[str]:
    """Run the command over a folder; return the lines of its output."""
    return run(folder, "-m", "dockerflow_mw", "migrate", *options, ".")


def heartbeat(folder: Path) -> str:
    """Return the status of a project's heartbeat."""
    return run(folder, "ask.py")[-1]


def make(folder: Path, framework: str) -> None:
    """Make the project of a framework in a folder."""
    for name, text in TREES[framework].files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def moved(framework: str) -> dict[str, str]:
    """Return the files of a framework's project as they have to be afterwards."""
    files = {}
    for name, text in TREES[framework].files.items():
        for before, after in TREES[framework].changes.get(name, []):
            assert text.count(f"{before}\n") == 1
            text = text.replace(f"{before}\n", f"{after}\n")
        files[name] = text
    return files


def read(folder: Path, framework: str) -> dict[str, str]:
    """Return the files of a framework's project as they are."""
    return {name: (folder / name).read_text() for name in TREES[framework].files}


@pytest.mark.parametrize("package", [THEIRS])
@each_framework
def test_c20_the_projects_run_before(
    tmp_path: Path, framework: str, package: str
) -> None:
    make(tmp_path, framework)
    assert heartbeat(tmp_path) == "200"


@each_framework
def test_c20_the_diff_is_exact(tmp_path: Path, framework: str) -> None:
    make(tmp_path, framework)
    shown = migrate(tmp_path)
    headers = ("---", "+++")
    removed = [s[1:] for s in shown if s.startswith("-") and s[:3] not in headers]
    added = [s[1:] for s in shown if s.startswith("+") and s[:3] not in headers]
    changes = TREES[framework].changes
    lines = [line for name in sorted(changes) for line in changes[name]]
    assert [*zip(removed, added, strict=True)] == lines
    assert [s[4:] for s in shown if s.startswith("--- ")] == sorted(changes)
    assert read(tmp_path, framework) == TREES[framework].files


@each_framework
def test_c20_the_project_runs_afterwards(tmp_path: Path, framework: str) -> None:
    make(tmp_path, framework)
    shown = migrate(tmp_path, "--write")
    changed = [f"Changed {name}" for name in sorted(TREES[framework].changes)]
    assert shown[: len(changed)] == changed
    places = [s.rpartition(":")[0].partition(": ")[0] for s in shown[len(changed) :]]
    assert read(tmp_path, framework) == moved(framework)
    assert places == TREES[framework].findings
    assert heartbeat(tmp_path) == "200"


@each_framework
def test_c20_a_second_run_changes_nothing(tmp_path: Path, framework: str) -> None:
    make(tmp_path, framework)
    migrate(tmp_path, "--write")
    assert migrate(tmp_path, "--write")[-1] == "No file needs a change."
    assert read(tmp_path, framework) == moved(framework)


def test_c20_the_commands_of_the_page_move_a_project(tmp_path: Path) -> None:
    make(tmp_path, "flask")
    found = re.findall(r"^ *\$ (dockerflow-mw [^#\n]*)", PAGE.read_text(), re.MULTILINE)
    commands = [command.split() for command in found]
    assert [len(command) for command in commands] == [3, 4]
    for _, *arguments in commands:
        run(tmp_path, "-m", "dockerflow_mw", *arguments)
    assert read(tmp_path, "flask") == moved("flask")


def test_c20_a_large_tree_takes_less_than_five_seconds(tmp_path: Path) -> None:
    for number in range(2_000):
        file = tmp_path / f"package{number % 40}" / f"module{number}.py"
        file.parent.mkdir(exist_ok=True)
        uses = number % 20 == 0
        file.write_text("import dockerflow\n" if uses else "import os\n" * 200)
    command = [sys.executable, "-m", "dockerflow_mw", "migrate", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=5)
    assert done.stdout.count(b"\n+import dockerflow_mw as dockerflow\n") == 100


def disputed_names(package: str) -> list[str]:
    """Return the names of a package whose existence here the command gets wrong."""
    import importlib
    import pkgutil

    wrong = []
    root = importlib.import_module(package)
    for info in pkgutil.walk_packages(root.__path__, f"{package}."):
        theirs = importlib.import_module(info.name)
        here = info.name.replace(names.OLD, names.NEW, 1)
        for name in vars(theirs):
            path = f"{info.name}.{name}"
            if name.startswith("_") or path in names.modules():
                continue
            try:
                exists = hasattr(importlib.import_module(here), name)
            except ModuleNotFoundError:
                exists = False
            if exists != (names.problem(path) is None):
                wrong.append(path)
    return wrong


@pytest.mark.parametrize("package", [THEIRS])
def test_c20_the_command_knows_which_names_exist(package: str) -> None:
    # A module without settings: the defaults are enough.
    env = {"DJANGO_SETTINGS_MODULE": "tests.compat.rows"}
    assert isolated(disputed_names, package, env=env) == []
