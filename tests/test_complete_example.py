"""The complete examples in docs/checks.md run, and answer as the page says."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.doors import BareASGI, BareWSGI

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "checks.md").read_text("utf-8")
SECTION = PAGE.partition("\n## A complete example\n")[2]
ANSWER = json.loads(re.findall(r"```json\n(.*?)```", SECTION, re.S)[0])
EXAMPLES = dict(re.findall(r"### ([^\n]+)\n.*?```python\n(.*?)```", SECTION, re.S))


def test_each_framework_has_an_example() -> None:
    assert set(EXAMPLES) == {"Bare middleware", "Flask", "Sanic", "FastAPI", "Django"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_answers_as_the_page_says(name: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(EXAMPLES[name])

    assert heartbeat(name, tmp_path) == [500, ANSWER]
    (tmp_path / "orders").mkdir()
    fine = {"database": "ok", "orders": "ok"}
    body = {"status": "ok", "checks": fine, "details": {}}
    assert heartbeat(name, tmp_path) == [200, body]


def heartbeat(name: str, folder: Path) -> Any:
    """Return the status and the body of an application's heartbeat."""
    done = subprocess.run(
        [sys.executable, "-m", __name__, name],
        capture_output=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout.splitlines()[-1])


def main(name: str) -> None:
    """Print the status and the body of the heartbeat of ``app.application``."""
    application: Any = importlib.import_module("app").application
    if name == "Sanic":
        # A Sanic application stays on the event loop of its start.
        door = importlib.import_module("tests.sanic.door").Asked(application)
    else:
        door = BareASGI() if name == "FastAPI" else BareWSGI()
        door.served = application
    answer = door.ask("/__heartbeat__")
    print(json.dumps([answer.status, json.loads(answer.body)]))


if __name__ == "__main__":
    main(sys.argv[1])
