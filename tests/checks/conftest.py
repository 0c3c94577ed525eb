from __future__ import annotations

import asyncio

import pytest

from dockerflow_mw.checks.registry import Check
from dockerflow_mw.checks.results import ChecksResults
from dockerflow_mw.checks.runner import Runner
from tests.checks.running import Run


def _run(runner: Runner, made: list[Check]) -> ChecksResults:
    return runner.run(made)


def _arun(runner: Runner, made: list[Check]) -> ChecksResults:
    return asyncio.run(runner.arun(made))


@pytest.fixture(params=[_run, _arun], ids=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Run:
    chosen: Run = request.param
    return chosen
