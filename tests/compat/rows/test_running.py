"""Checks that a command runs, outside of a heartbeat."""

from __future__ import annotations

import asyncio
import functools
import importlib
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.compat.rows.isolated import BOTH, OURS, isolated

LIMITS = {
    "DOCKERFLOW_CHECK_TIMEOUT": "0.001",
    "DOCKERFLOW_HEARTBEAT_DEADLINE": "0.002",
}
"""Limits of a heartbeat that every check here exceeds."""


def _slow(checks: Any) -> list[Any]:
    """Return the messages of a check that exceeds `LIMITS` and is fine."""
    ends = time.monotonic() + 0.02
    while time.monotonic() < ends:
        pass
    return [checks.Warning("slow", id="x.W1"), checks.Error("known", id="x.E1")]


async def _slow_async(checks: Any) -> list[Any]:
    return _slow(checks)


def _shown(results: Any) -> list[Any]:
    return [results.level, results.statuses, results.details]


def slow_checks(package: str) -> list[Any]:
    """Return the results of slow checks, run one after another."""
    checks = importlib.import_module(f"{package}.checks")
    pairs = [("slow", functools.partial(_slow, checks))]
    return _shown(checks.run_checks(pairs, silenced_check_ids=["x.E1"]))


def slow_checks_async(package: str) -> list[Any]:
    """Return the results of slow checks, one of them async, run side by side."""
    checks = importlib.import_module(f"{package}.checks")

    async def slow_async() -> list[Any]:
        return await _slow_async(checks)

    pairs = [("slow", functools.partial(_slow, checks)), ("async", slow_async)]
    return _shown(asyncio.run(checks.run_checks_async(pairs, ["x.E1"])))


DETAIL = {"status": "warning", "level": 30, "messages": {"x.W1": "slow"}}


@pytest.mark.parametrize("package", BOTH)
def test_c16_run_checks_has_no_time_limit(package: str) -> None:
    expected = [30, {"slow": "warning"}, {"slow": DETAIL}]
    assert isolated(slow_checks, package, env=LIMITS) == expected


@pytest.mark.parametrize("package", BOTH)
def test_c16_run_checks_async_has_no_time_limit(package: str) -> None:
    statuses = {"slow": "warning", "async": "warning"}
    expected = [30, statuses, dict.fromkeys(statuses, DETAIL)]
    assert isolated(slow_checks_async, package, env=LIMITS) == expected


def late_check(package: str) -> list[str]:
    """Return the ids of the messages of a slow check in a heartbeat."""
    import flask

    checks = importlib.import_module(f"{package}.checks")
    app = flask.Flask("app")
    importlib.import_module(f"{package}.flask").Dockerflow(app)
    checks.register_partial(_slow, checks, name="slow")
    body: Any = app.test_client().get("/__heartbeat__").json
    return list(body["details"]["slow"]["messages"])


def test_c16_a_heartbeat_keeps_its_limit() -> None:
    assert isolated(late_check, OURS, env=LIMITS) == ["dockerflow.health.E103"]


def raised(package: str) -> list[str]:
    """Return the exceptions that the caller of a check that raises receives."""
    checks = importlib.import_module(f"{package}.checks")

    def broken() -> list[Any]:
        raise LookupError("nothing there")

    async def broken_async() -> list[Any]:
        return broken()

    runs: list[Callable[[], Any]] = [
        lambda: checks.run_checks([("x", broken)]),
        lambda: asyncio.run(checks.run_checks_async([("x", broken)])),
        lambda: asyncio.run(checks.run_checks_async([("x", broken_async)])),
    ]
    return [_raised(run) for run in runs]


def _raised(run: Callable[[], Any]) -> str:
    try:
        return str(run())
    except LookupError as error:
        return f"raised: {error}"


@pytest.mark.parametrize("package", BOTH)
def test_c16_the_exception_of_a_check_passes(package: str) -> None:
    assert isolated(raised, package) == ["raised: nothing there"] * 3


def run_of_an_exiting_check(package: str) -> list[Any]:
    """Return the code of a check that exits, and the status of a later check."""
    checks = importlib.import_module(f"{package}.checks")

    async def leaving() -> None:
        raise SystemExit(3)

    async def fine() -> None: ...

    try:
        checks.run_checks([("x", leaving)])
        code = None
    except SystemExit as error:
        code = error.code
    return [code, checks.run_checks([("y", fine)]).statuses["y"]]


def test_c16_a_check_that_exits_stops_no_later_check() -> None:
    assert isolated(run_of_an_exiting_check, OURS) == [3, "ok"]


def sync_run_of_async_check(package: str) -> list[str]:
    """Return the status of an async check outside a loop, and the error inside one."""
    checks = importlib.import_module(f"{package}.checks")

    async def check() -> str:
        return "broken"

    async def inside_a_loop() -> str:
        try:
            return str(checks.run_checks([("x", check)]))
        except RuntimeError as error:
            return str(error)

    found = checks.run_checks([("x", check)]).statuses["x"]
    return [found, asyncio.run(inside_a_loop())]


def test_c16_run_checks_runs_async_checks() -> None:
    assert isolated(sync_run_of_async_check, OURS) == [
        "error",
        "asyncio.run() cannot be called from a running event loop",
    ]
