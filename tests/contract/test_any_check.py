"""Whatever checks return, raise or are called, the heartbeat answers as documented."""

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

WORDS = {"ok", "debug", "info", "warning", "error", "critical"}

RELEASED = threading.Event()


class Unfriendly:
    level = 40

    @property
    def msg(self) -> str:
        raise ZeroDivisionError

    def __str__(self) -> str:
        raise ZeroDivisionError

    __repr__ = __str__


class UnfriendlyError(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError

    __repr__ = __str__


messages = st.builds(
    checks.CheckMessage,
    msg=st.text() | st.builds(Unfriendly) | st.integers(),
    level=st.integers(),
    hint=st.none() | st.text(),
    obj=st.none() | st.builds(Unfriendly) | st.builds(ValueError, st.text()),
    id=st.none() | st.text() | st.integers(),
)
returned = (
    st.none()
    | st.booleans()
    | st.text()
    | messages
    | st.lists(messages | st.text(), max_size=3)
    | st.integers()
    | st.binary()
    | st.dictionaries(st.text(), st.text(), max_size=1)
    | st.builds(Unfriendly)
)
raised = st.sampled_from(
    [
        ValueError("password=hunter2"),
        UnfriendlyError(),
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
    returned.map(returns)
    | returned.map(areturns)
    | raised.map(raises)
    | raised.map(araises)
    | st.builds(hangs)
)


@pytest.fixture(autouse=True, scope="module")
def _released() -> Any:
    yield
    RELEASED.set()


@given(named=st.dictionaries(st.text(min_size=1), functions, max_size=4))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_heartbeat_answers(
    door: Callable[..., Door], named: dict[str, Callable[[], Any]]
) -> None:
    made = door(check_timeout=0.05)
    for name, function in named.items():
        made.application.check(function, name=name)
    answer = made.ask("/__heartbeat__", query=b"verbose")
    body = json.loads(answer.body)
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert set(body) == {"status", "checks", "details", "timings"}
    assert list(body["checks"]) == list(body["timings"]) == list(named)
    assert {body["status"], *body["checks"].values()} <= WORDS
    assert answer.status == (500 if body["status"] in ("error", "critical") else 200)
    for name, detail in body["details"].items():
        assert set(detail) == {"status", "level", "messages"}
        assert detail["status"] == body["checks"][name]
        assert all(isinstance(text, str) for text in detail["messages"].values())
    assert b"hunter2" not in answer.body
