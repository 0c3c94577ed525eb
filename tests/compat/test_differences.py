"""Compared with python-dockerflow, only the intended differences exist."""

from __future__ import annotations

import importlib
import importlib.util

import pytest

from tests.compat.compare import Difference, differences

FRAMEWORKS = ("django", "fastapi", "flask", "sanic")

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("dockerflow") is None,
    reason="python-dockerflow is installed in the nox session compat only",
)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_only_intended_differences_exist(framework: str) -> None:
    module = importlib.import_module(f"tests.compat.differences.{framework}")
    intended: list[Difference] = module.DIFFERENCES
    found = differences(framework)
    unintended = [str(f) for f in found if not any(d.covers(f) for d in intended)]
    assert unintended == []
    obsolete = [d for d in intended if not any(d.covers(f) for f in found)]
    assert obsolete == []
