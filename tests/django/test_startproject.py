"""A new Django project with the checks of docs/checks.md, one of which fails."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.servers import ANSWERS_WITHIN, PROJECT, serving

DOCS = PROJECT / "docs" / "checks.md"

RAISING = """

def search(app_configs, **kwargs):
    raise ConnectionError("search is down")
"""

NAMES = ("uploads", "disk", "users", "shared_cache", "debug_mode")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Python in the folder of a project."""
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120
    )


def manage(folder: Path, *arguments: str) -> str:
    """Return the output of a command of Django that succeeds."""
    done = run(folder, "manage.py", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def block(name: str) -> str:
    """Return the block of the page that begins with a comment of this name."""
    blocks = re.findall(r"```python\n(# shop/.*?)```", DOCS.read_text(), re.S)
    (found,) = (str(b) for b in blocks if b.startswith(f"# shop/{name}"))
    return found


def append(file: Path, text: str) -> None:
    """Append text to a file."""
    file.write_text(file.read_text() + text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a project whose folder of uploads is missing."""
    made = run(tmp_path, "-m", "django", "startproject", "shop", ".")
    assert made.returncode == 0, made.stderr
    (tmp_path / "shop" / "checks.py").write_text(block("checks.py"))
    media = 'MEDIA_ROOT = BASE_DIR / "uploads"\n'
    append(tmp_path / "shop" / "settings.py", block("settings.py") + media)
    return tmp_path


def test_a_failing_check_fails_the_heartbeat_and_no_command(folder: Path) -> None:
    # A check with Django's arguments may raise as well.
    append(folder / "shop" / "checks.py", RAISING)
    listed = 'DOCKERFLOW_CHECKS += ["shop.checks.search"]'
    append(folder / "shop" / "settings.py", listed)
    assert "no issues" in manage(folder, "check")
    manage(folder, "migrate")
    command = [sys.executable, "manage.py", "runserver", "--noreload", "{port}"]
    with serving(command, folder) as server:
        url = f"{server.url}/__heartbeat__"
        failed = httpx.get(url, timeout=ANSWERS_WITHIN, trust_env=False)
        (folder / "uploads").mkdir()
        fine = httpx.get(url, timeout=ANSWERS_WITHIN, trust_env=False)
    states = {**dict.fromkeys(NAMES, "ok"), "debug_mode": "warning", "search": "error"}
    assert (failed.status_code, fine.status_code) == (500, 500)
    assert failed.json()["checks"] == {**states, "uploads": "error"}
    assert fine.json()["checks"] == states


def test_manage_py_check_runs_the_checks_by_their_tag(folder: Path) -> None:
    command = ("manage.py", "check", "--deploy", "--tag", "dockerflow")
    failed = run(folder, *command)
    assert failed.returncode == 1
    # Before the migration there are no users.
    messages = re.findall(r"^(\S+): \((\S+)\) ", failed.stderr, re.M)
    assert messages == [
        ("uploads", "dockerflow.health.E101"),
        ("users", "dockerflow.health.E102"),
        ("debug_mode", "shop.W001"),
    ]
    assert "Traceback" in failed.stderr
    assert "no such table: auth_user" in failed.stderr
    manage(folder, "migrate")
    (folder / "uploads").mkdir()
    assert "shop.W001" in manage(folder, *command[1:])
