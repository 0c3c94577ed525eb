"""Projects that use python-dockerflow pass their tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import PROJECT

FOLDER = Path(__file__).parent / "projects"


def run(name: str) -> None:
    """Run the tests of a project in a process of its own."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    file = str(FOLDER / f"{name}.py")
    done = subprocess.run(
        [*command, file], cwd=PROJECT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["relay"])
def test_fx_private_relay(name: str) -> None:
    run(name)


@pytest.mark.parametrize("name", ["tecken"])
def test_tecken(name: str) -> None:
    run(name)


@pytest.mark.parametrize("name", ["treeherder"])
def test_treeherder_and_code_review(name: str) -> None:
    run(name)


@pytest.mark.parametrize("name", ["joanie"])
def test_joanie_marsha_and_normandy(name: str) -> None:
    run(name)
