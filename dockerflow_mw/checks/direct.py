"""Runs checks for commands and tests, without time limits and caching.

Heartbeats use `dockerflow_mw.checks.runner`, which has both.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

from dockerflow_mw.checks.log import log_messages
from dockerflow_mw.checks.results import CheckResult, ChecksResults, messages_of

Pairs: TypeAlias = Iterable[tuple[str, Callable[[], Any]]]


def run_checks(
    checks: Pairs, silenced_check_ids: Iterable[str] | None = None
) -> ChecksResults:
    """Run checks one after another, without a time limit, and log their messages.

    An async check runs on a new event loop. If a check raises, nothing is logged.

    Args:
        checks: pairs of a name and a check.
        silenced_check_ids: the ids of messages that are logged, but not in the results.

    Raises:
        Exception: a check raised it.
        RuntimeError: a check is async, and this thread runs an event loop; use
            `run_checks_async` there.
    """
    results = []
    for name, check in checks:
        started, value = time.monotonic(), check()
        if inspect.isawaitable(value):
            value = asyncio.run(_wait(value))
        results.append(_result(name, value, started))
    return _finish(results, silenced_check_ids)


async def run_checks_async(
    checks: Pairs, silenced_check_ids: Iterable[str] | None = None
) -> ChecksResults:
    """Run checks side by side, without a time limit, and log their messages.

    A sync check runs in a thread of the event loop's executor. If a check raises,
    nothing is logged.

    Args:
        checks: pairs of a name and a check.
        silenced_check_ids: the ids of messages that are logged, but not in the results.

    Raises:
        Exception: a check raised it.
    """
    results = await asyncio.gather(*(_run(name, check) for name, check in checks))
    return _finish(results, silenced_check_ids)


async def _run(name: str, check: Callable[[], Any]) -> CheckResult:
    started = time.monotonic()
    if inspect.iscoroutinefunction(check):
        value = await check()
    else:
        value = await asyncio.to_thread(check)
    if inspect.isawaitable(value):
        value = await value
    return _result(name, value, started)


async def _wait(value: Awaitable[object]) -> object:
    return await value


def _result(name: str, value: object, started: float) -> CheckResult:
    return CheckResult(name, messages_of(value), time.monotonic() - started)


def _finish(
    results: Iterable[CheckResult], silenced: Iterable[str] | None
) -> ChecksResults:
    for result in results:
        log_messages(result)
    return ChecksResults(tuple(results)).without(frozenset(silenced or ()))
