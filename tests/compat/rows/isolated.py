"""Runs one function with one of the two packages, in a process of its own.

Both packages use the same loggers and registries, and Django can be configured only
once. A function takes the name of the package, and returns a value that JSON can
represent::

    def two_checks(package: str) -> list[str]:
        checks = importlib.import_module(f"{package}.checks")
        ...

    @pytest.mark.parametrize("package", BOTH)
    def test_c99_two_checks_are_listed(package: str) -> None:
        assert isolated(two_checks, package) == ["one", "two"]
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]

OURS = "dockerflow_mw"
THEIRS = pytest.param(
    "dockerflow",
    marks=pytest.mark.skipif(
        importlib.util.find_spec("dockerflow") is None,
        reason="python-dockerflow is installed in the nox session compat only",
    ),
)
BOTH = (THEIRS, OURS)


def isolated(
    function: Callable[[str], Any],
    package: str,
    *,
    env: Mapping[str, str] | None = None,
) -> Any:
    """Return what a function of a test module returns for a package.

    Args:
        function: a function at the top of a module.
        package: the package to pass to it.
        env: further environment variables.
    """
    where = f"{function.__module__}:{function.__name__}"
    command = [sys.executable, "-m", __name__, where, package]
    done = subprocess.run(
        command,
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    # The function may have printed log lines before.
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    module, _, name = sys.argv[1].partition(":")
    print(json.dumps(getattr(importlib.import_module(module), name)(sys.argv[2])))
