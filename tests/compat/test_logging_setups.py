"""With each set-up of logging, no summary is lost and none is logged twice."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.compat.logged import PATHS
from tests.compat.rows.isolated import OURS, ROOT, THEIRS

# The summaries that python-dockerflow logs as well, or that a set-up must not disable.
ALL = set(PATHS)
ERRORS = {"/boom"}
SETUPS = [
    # The default `disable_existing_loggers` disables the loggers of a made service.
    ("django", "dictConfig", ALL),
    ("fastapi", "dictConfig", ALL),
    ("flask", "dictConfig", ALL),
    ("sanic", "dictConfig", ALL),
    # The level of the root logger is WARNING. FastAPI sets the level of its own.
    ("django", "basicConfig", ERRORS),
    ("fastapi", "basicConfig", ALL),
    ("flask", "basicConfig", ERRORS),
    ("sanic", "basicConfig", ERRORS),
    # FastAPI's middleware brings a handler. The other frameworks use logging's own.
    ("django", "none", ERRORS),
    ("fastapi", "none", ALL),
    ("flask", "none", ERRORS),
    ("sanic", "none", ERRORS),
]


@pytest.mark.parametrize(("framework", "setup", "wanted"), SETUPS)
def test_no_summary_is_lost_or_logged_twice(
    framework: str, setup: str, wanted: set[str]
) -> None:
    found = summaries(framework, OURS, setup)
    assert found.keys() >= wanted
    assert set(found.values()) == {1}


@pytest.mark.parametrize(("framework", "setup", "wanted"), SETUPS)
@pytest.mark.parametrize("package", [THEIRS])
def test_python_dockerflow_logs_no_other_summary(
    package: str, framework: str, setup: str, wanted: set[str]
) -> None:
    assert summaries(framework, package, setup).keys() <= wanted


def summaries(framework: str, package: str, setup: str) -> Counter[str]:
    """Return the number of summaries of each path that has one."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.compat.logged", framework, package, setup],
        capture_output=True,
        cwd=ROOT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return Counter([*_paths(done.stdout), *_paths(done.stderr)])


def _paths(output: str) -> Iterator[str]:
    path = ""
    for line in output.splitlines():
        if line in PATHS:
            path = line
        elif _is_summary(line):
            yield path


def _is_summary(line: str) -> bool:
    """Return whether a line of JSON, of basicConfig or without a format is a summary.

    Without a format, the line is the text of the exception.
    """
    try:
        record = json.loads(line)
    except ValueError:
        return re.match(r"[A-Z]+:request\.summary:", line) is not None or line == "boom"
    return isinstance(record, dict) and record["Type"] == "request.summary"
