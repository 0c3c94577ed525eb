"""Benchmarks of the heartbeat with slow checks and many probes.

Slow checks sleep, so the figures hold on any machine that is not busy.
"""

from __future__ import annotations

import asyncio
import dataclasses
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import flask
from dockerflow import checks as peer
from dockerflow.flask import Dockerflow as Peer

from dockerflow_mw import DockerflowMiddleware
from dockerflow_mw.checks.registry import Check
from dockerflow_mw.checks.runner import Runner
from dockerflow_mw.settings import Settings
from tests.benchmarks import django_health, logs, wsgi
from tests.benchmarks.measure import PEER, Effort, duration, ratios
from tests.benchmarks.table import Bound, Row

PATH = "/__heartbeat__"
PROBES = 60
SLOW_CHECK = 4.0

HUNG_PROCESS = """
import threading
from dockerflow_mw.checks.registry import Check
from dockerflow_mw.checks.runner import Runner
from dockerflow_mw.settings import Settings
runner = Runner(Settings(check_timeout=0.1))
runner.run([Check("hangs", threading.Event().wait)])
print(flush=True)
"""


def rows(effort: Effort) -> Iterator[Row]:
    """Return the rows of all measurements."""
    yield side_by_side(effort)
    yield from django_health.rows(effort)
    yield from hung_check(effort)
    yield from probe_storm()
    yield starved_executor()


def shown(measure: str, value: float, unit: str, limit: float | None = None) -> Row:
    """Return a row for a figure, with an absolute limit if there is one."""
    factor = 1000 if unit == "ms" else 1
    row = Row(measure, ours=f"{value * factor:.3g} {unit}")
    if limit is None:
        return row
    holds = "yes" if value < limit else "no"
    return Row(measure, ours=row.ours, to_show=f"< {limit * factor:g}", holds=holds)


def timed(call: Callable[[], object]) -> float:
    """Return the duration of a call, in seconds."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def sleeper(seconds: float) -> Callable[[], list[Any]]:
    """Return a sync check that sleeps."""

    def check() -> list[Any]:
        time.sleep(seconds)
        return []

    return check


def side_by_side(effort: Effort) -> Row:
    """Measure a WSGI heartbeat with ten sync checks of 100 ms each."""
    mine: Any = DockerflowMiddleware(wsgi.page)
    theirs = flask.Flask(__name__)
    Peer(theirs)
    for i in range(10):
        mine.check(sleeper(0.1), name=str(i))
        peer.register(sleeper(0.1), name=str(i))
    asked = wsgi.environ_of(PATH)
    taken: dict[str, list[float]] = {"ours": [], "theirs": []}
    with logs.disabled():
        for _ in range(effort.part(5)):
            taken["ours"].append(timed(lambda: wsgi.ask(mine, asked)))
            taken["theirs"].append(timed(lambda: wsgi.ask(theirs, asked)))
    peer.clear_checks()
    row = Row(
        "10 sync checks of 100 ms, WSGI, one answer",
        ours=duration(taken["ours"]),
        theirs=duration(taken["theirs"]),
        beside=PEER,
    )
    return row.judged(ratios(taken["ours"], taken["theirs"]), Bound(0.15))


async def resolver_delay(probe: Callable[[], Awaitable[object]]) -> float:
    """Return the delay of the loop's executor during probes, in seconds."""
    probes = [asyncio.ensure_future(probe()) for _ in range(PROBES)]
    await asyncio.sleep(0.1)
    started = time.perf_counter()
    await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)
    delay = time.perf_counter() - started
    await asyncio.gather(*probes)
    return delay


def starved_executor() -> Row:
    """Measure how probes of a slow sync check delay getaddrinfo."""
    runner = Runner(Settings(check_timeout=30, heartbeat_deadline=30))
    slow = sleeper(SLOW_CHECK)
    made = [Check("slow", slow)]
    mine = asyncio.run(resolver_delay(lambda: runner.arun(made)))
    pairs: list[Any] = [("slow", slow)]
    theirs = asyncio.run(resolver_delay(lambda: peer.run_checks_async(pairs)))
    what = f"getaddrinfo beside {PROBES} probes of a {SLOW_CHECK:.0f} s check"
    row = shown(what, mine, "ms", 0.05)
    return dataclasses.replace(row, theirs=duration([theirs]), beside=PEER)


def hung_check(effort: Effort) -> Iterator[Row]:
    """Measure ten thousand probes in a row of a check that never returns."""
    timeout, calls = 0.1, []
    released = threading.Event()

    def hangs() -> None:
        calls.append(1)
        released.wait()

    runner, before = Runner(Settings(check_timeout=timeout)), threading.active_count()
    made = [Check("hangs", hangs)]
    longest = max(timed(lambda: runner.run(made)) for _ in range(10_000))
    what = "10,000 probes of a hung check"
    yield shown(f"{what}, the longest past its time", longest - timeout, "ms", 0.1)
    threads = threading.active_count() - before
    yield shown(f"{what}, threads that they hold", threads, "", 2)
    yield shown(f"{what}, calls of it", len(calls), "", 2)
    released.set()
    endings = [end_of_hung_process() for _ in range(effort.part(3))]
    what = "the end of a process that has a hung check"
    yield shown(what, statistics.median(endings), "s", 1.0)


def end_of_hung_process() -> float:
    """Return how long a process with a hung check takes to end, in seconds."""
    command = [sys.executable, "-c", HUNG_PROCESS]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        return timed(process.wait)


def probe_storm() -> Iterator[Row]:
    """Measure a thousand probes at the same time, sync and async."""
    calls: list[int] = []

    def slow() -> None:
        calls.append(1)
        time.sleep(0.5)

    runner = Runner(Settings(check_timeout=30, heartbeat_deadline=30))
    made = [Check("slow", slow)]

    async def storm() -> None:
        await asyncio.gather(*(runner.arun(made) for _ in range(1000)))

    seconds = timed(lambda: asyncio.run(storm()))
    yield shown("1,000 concurrent probes of a 0.5 s check, async", seconds, "s")
    together = threading.Barrier(1000)

    def probe() -> None:
        together.wait()
        runner.run(made)

    threads = [threading.Thread(target=probe) for _ in range(1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    what = "calls of that check by 1,000 async and 1,000 sync probes"
    yield shown(what, len(calls), "", 3)
