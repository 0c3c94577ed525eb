"""The command in docs/migrating.md, run on lines of real projects."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs" / "migrating.md"

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="The command needs GNU sed."
)

# Pairs of a line and its replacement; None for a line that stays.
LINES = [
    ("import dockerflow", "import dockerflow_mw as dockerflow"),
    ("    import dockerflow", "    import dockerflow_mw as dockerflow"),
    (
        "import dockerflow.checks",
        "import dockerflow_mw as dockerflow\nimport dockerflow_mw.checks",
    ),
    ("from dockerflow import checks", "from dockerflow_mw import checks"),
    (
        "from dockerflow.flask import Dockerflow",
        "from dockerflow_mw.flask import Dockerflow",
    ),
    (
        'path = "dockerflow.logging.JsonLogFormatter"',
        'path = "dockerflow_mw.logging.JsonLogFormatter"',
    ),
    ("APPS = ['dockerflow.django']", "APPS = ['dockerflow_mw.django']"),
    # The name dockerflow may stand for anything in these lines.
    ('@dockerflow.checks.register(name="auth")', None),
    ("found: list[dockerflow.checks.CheckMessage]", None),
    ("from backend.lib import dockerflow as lib", None),
    ('id = "dockerflow.health.E001"', None),
    ("from dockerflowery import checks", None),
]


def commands() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", DOCS.read_text(), re.S)
    found = [b.removeprefix("$ ") for b in blocks if b.startswith("$ sed")]
    assert len(found) == 1
    return found


def test_the_command_changes_the_imports_and_no_other_line(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text("".join(f"{line}\n" for line, _ in LINES))
    (command,) = commands()
    subprocess.run(["bash", "-ec", command], cwd=tmp_path, check=True, timeout=30)
    assert file.read_text() == "".join(f"{new or old}\n" for old, new in LINES)
