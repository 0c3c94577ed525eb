"""Property tests: any return value, exception or name gives a documented response."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dockerflow_mw import checks
from tests.doors import Door

STATUSES = {"ok", "debug", "info", "warning", "error", "critical"}

RELEASED = threading.Event()


class RaisingObject:
    """A message whose attribute and texts raise."""

    level = 40

    @property
    def msg(self) -> str:
        raise ZeroDivisionError

    def __str__(self) -> str:
        raise ZeroDivisionError

    __repr__ = __str__


class RaisingReprError(Exception):
    """An exception whose text cannot be made."""

    def __str__(self) -> str:
        raise ZeroDivisionError

    __repr__ = __str__


messages = st.builds(
    checks.CheckMessage,
    msg=st.text() | st.builds(RaisingObject) | st.integers(),
    level=st.integers(),
    hint=st.none() | st.text(),
    obj=st.none() | st.builds(RaisingObject) | st.builds(ValueError, st.text()),
    id=st.none() | st.text() | st.integers(),
)
return_values = (
    st.none()
    | st.booleans()
    | st.text()
    | messages
    | st.lists(messages | st.text(), max_size=3)
    | st.integers()
    | st.binary()
    | st.dictionaries(st.text(), st.text(), max_size=1)
    | st.builds(RaisingObject)
)
exceptions = st.sampled_from(
    [
        ValueError("password=hunter2"),
        RaisingReprError(),
        SystemExit(1),
        KeyboardInterrupt(),
        GeneratorExit(),
        asyncio.CancelledError(),
        RecursionError(),
        StopIteration(),
        StopAsyncIteration(),
        ExceptionGroup("g", [ValueError("v")]),
        BaseExceptionGroup("g", [KeyboardInterrupt()]),
    ]
)


def returns(value: Any) -> Callable[[], Any]:
    return lambda: value


def areturns(value: Any) -> Callable[[], Any]:
    async def check() -> Any:
        await asyncio.sleep(0)
        return value

    return check


def raises(error: BaseException) -> Callable[[], Any]:
    def check() -> None:
        raise error

    return check


def araises(error: BaseException) -> Callable[[], Any]:
    async def check() -> None:
        await asyncio.sleep(0)
        raise error

    return check


def hangs() -> Callable[[], Any]:
    def check() -> None:
        RELEASED.wait()

    return check


functions = (
    return_values.map(returns)
    | return_values.map(areturns)
    | exceptions.map(raises)
    | exceptions.map(araises)
    | st.builds(hangs)
)


@pytest.fixture(autouse=True, scope="module")
def _release_hanging_checks() -> Any:
    yield
    RELEASED.set()


@given(functions_by_name=st.dictionaries(st.text(min_size=1), functions, max_size=4))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_checks_give_a_valid_heartbeat(
    door: Callable[..., Door], functions_by_name: dict[str, Callable[[], Any]]
) -> None:
    made = door(check_timeout=0.05)
    for name, function in functions_by_name.items():
        made.application.check(function, name=name)
    answer = made.ask("/__heartbeat__", query=b"verbose")
    body = json.loads(answer.body)
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert set(body) == {"status", "checks", "details", "timings"}
    assert list(body["checks"]) == list(body["timings"]) == list(functions_by_name)
    assert {body["status"], *body["checks"].values()} <= STATUSES
    assert answer.status == (500 if body["status"] in ("error", "critical") else 200)
    for name, detail in body["details"].items():
        assert set(detail) == {"status", "level", "messages"}
        assert detail["status"] == body["checks"][name]
        assert all(isinstance(text, str) for text in detail["messages"].values())
    assert b"hunter2" not in answer.body
