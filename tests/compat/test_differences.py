"""Beside python-dockerflow's public release: nothing differs but what is meant to."""

from __future__ import annotations

import importlib
import importlib.util

import pytest

from tests.compat.compare import Difference, differences

FRAMEWORKS = ("django", "fastapi", "flask", "sanic")

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("dockerflow") is None,
    reason="python-dockerflow is only there in the session compat",
)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_only_the_differences_that_are_meant_are_there(framework: str) -> None:
    module = importlib.import_module(f"tests.compat.differences.{framework}")
    meant: list[Difference] = module.DIFFERENCES
    found = differences(framework)
    unexplained = [str(f) for f in found if not any(d.covers(f) for d in meant)]
    assert unexplained == []
    unneeded = [d for d in meant if not any(d.covers(f) for f in found)]
    assert unneeded == []
