from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dockerflow_mw import checks
from dockerflow_mw.checks.registry import Check
from dockerflow_mw.checks.runner import Runner
from dockerflow_mw.settings import Settings
from tests.checks.running import Run


def _sync() -> checks.CheckMessage:
    return checks.Warning("said", id="w")


async def _async() -> checks.CheckMessage:
    await asyncio.sleep(0)
    return _sync()


def _returns_awaitable() -> Any:
    return _async()


class _Callable:
    async def __call__(self) -> checks.CheckMessage:
        return _sync()

    async def method(self) -> checks.CheckMessage:
        return _sync()


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(_sync, id="function"),
        pytest.param(_async, id="coroutine function"),
        pytest.param(_returns_awaitable, id="function that returns a coroutine"),
        pytest.param(functools.partial(_async), id="partial"),
        pytest.param(lambda: _async(), id="lambda"),
        pytest.param(_Callable(), id="object"),
        pytest.param(_Callable().method, id="method"),
    ],
)
def test_every_kind_of_callable_runs_sync_and_async(run: Run, function: Any) -> None:
    (result,) = run(Runner(Settings()), [Check("x", function)])
    assert result.messages == (checks.Warning("said", id="w"),)


def test_checks_run_side_by_side(run: Run) -> None:
    barrier = threading.Barrier(5)

    def meet() -> None:
        barrier.wait(timeout=20)

    made = [Check(str(i), meet) for i in range(5)]
    assert run(Runner(Settings()), made).statuses == dict.fromkeys("01234", "ok")


@pytest.mark.parametrize(
    "error",
    [ValueError("v"), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()],
    ids=repr,
)
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_exception_of_a_check_is_its_result(
    run: Run, error: BaseException, kind: str
) -> None:
    def raises() -> None:
        raise error

    async def araises() -> None:
        raise error

    function = raises if kind == "sync" else araises
    made = [Check("x", function), Check("y", lambda: None)]
    broken, fine = run(Runner(Settings()), made)
    name = type(error).__name__
    assert broken.texts == {
        "dockerflow.health.E102": f"The check raised {name}; the log has its traceback."
    }
    assert broken.level == checks.ERROR
    assert broken.error is error
    assert fine.level == 0


def test_an_invalid_return_value_is_an_error_that_names_its_type(run: Run) -> None:
    (result,) = run(Runner(Settings()), [Check("x", lambda: 3)])
    assert result.texts == {
        "dockerflow.health.E104": (
            "The check returned int; it must return messages, a string, a boolean or"
            " None."
        )
    }


class _Hostile:
    def __call__(self) -> None: ...

    def __getattr__(self, name: str) -> Any:
        raise ZeroDivisionError


def test_a_check_whose_attributes_raise_gets_a_result(run: Run) -> None:
    (result,) = run(Runner(Settings()), [Check("hostile", _Hostile())])
    assert result.level in (0, checks.ERROR)


def test_checks_run_in_a_copy_of_the_context_of_the_caller(run: Run) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("caller")
    seen = {}

    def sync() -> None:
        seen["sync"] = variable.get()
        variable.set("check")

    async def async_() -> None:
        seen["async"] = variable.get()
        variable.set("check")

    run(Runner(Settings()), [Check("sync", sync), Check("async", async_)])
    assert seen == {"sync": "caller", "async": "caller"}
    assert variable.get() == "caller"


def test_async_checks_run_on_the_loop_of_the_server() -> None:
    loops = []

    async def check() -> None:
        loops.append(asyncio.get_running_loop())

    async def serve() -> asyncio.AbstractEventLoop:
        await Runner(Settings()).arun([Check("x", check)])
        return asyncio.get_running_loop()

    assert [asyncio.run(serve())] == loops


@pytest.mark.parametrize("function", [_sync, _async])
def test_run_checks_and_run_checks_async_run_pairs(function: Any) -> None:
    pairs = [("x", function), ("y", lambda: None)]
    expected = {
        "x": {"status": "warning", "level": 30, "messages": {"w": "said"}},
    }
    results = checks.run_checks(pairs)
    assert (results.level, results.details) == (30, expected)
    assert results.statuses == {"x": "warning", "y": "ok"}
    results = asyncio.run(checks.run_checks_async(pairs, silenced_check_ids=["w"]))
    assert (results.level, results.details) == (0, {})


@pytest.mark.parametrize("function", [_sync, _async, _returns_awaitable])
def test_a_check_runs_inside_the_context_manager_of_the_runner(
    run: Run, function: Any
) -> None:
    inside = contextvars.ContextVar("inside", default=False)
    left = []

    @contextlib.contextmanager
    def around() -> Iterator[None]:
        inside.set(True)
        yield
        left.append(inside.get())

    def check() -> Any:
        assert inside.get()
        return function()

    runner = Runner(Settings(), around)
    (result,) = run(runner, [Check("x", check)])
    assert result.messages == (checks.Warning("said", id="w"),)
    assert left
    assert all(left)
