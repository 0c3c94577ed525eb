"""How heartbeats bear slow checks and many probes, beside python-dockerflow.

Run by ``nox -s bench``. What is slow here sleeps, so that the figures hold on any
machine that is not busy with something else.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

from dockerflow import checks as peer

from dockerflow_mw import checks as ours
from dockerflow_mw.checks.registry import Check
from dockerflow_mw.checks.runner import Runner
from dockerflow_mw.settings import Settings

PROBES = 60
SLOW_CHECK = 4.0

HUNG_PROCESS = """
import threading
from dockerflow_mw.checks import run_checks
from dockerflow_mw.checks.runner import Runner, Check
from dockerflow_mw.settings import Settings
runner = Runner(Settings(check_timeout=0.1))
runner.run([Check("hangs", threading.Event().wait)])
print(flush=True)
"""


def row(what: str, ours: str, theirs: str = "", bound: str = "") -> None:
    """Print one row of the table."""
    print(f"{what:<58}{ours:>12}{theirs:>20}{bound:>16}", flush=True)


def timed(call: Callable[[], object]) -> float:
    """Give how long a call took, in seconds."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def sleeper(seconds: float) -> Callable[[], list[Any]]:
    """Make a sync check that takes its time."""

    def check() -> list[Any]:
        time.sleep(seconds)
        return []

    return check


def side_by_side() -> None:
    """Ten sync checks of 100 ms each."""
    pairs: list[Any] = [(str(i), sleeper(0.1)) for i in range(10)]
    mine = statistics.median(timed(lambda: ours.run_checks(pairs)) for _ in range(5))
    theirs = statistics.median(timed(lambda: peer.run_checks(pairs)) for _ in range(3))
    row(
        "10 sync checks of 100 ms, one answer",
        f"{mine:.3f} s",
        f"{theirs:.3f} s",
        "< 0.2 s",
    )
    row("  ratio", f"{mine / theirs:.3f}", "1", "< 0.15")


async def resolver_delay(probe: Callable[[], Awaitable[object]]) -> float:
    """Give how late the loop's executor answers while probes are under way."""
    probes = [asyncio.ensure_future(probe()) for _ in range(PROBES)]
    await asyncio.sleep(0.1)
    started = time.perf_counter()
    await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)
    delay = time.perf_counter() - started
    await asyncio.gather(*probes)
    return delay


def starved_executor() -> None:
    """Sixty overlapping probes of a slow sync check; their effect on getaddrinfo."""
    runner = Runner(Settings(check_timeout=30, heartbeat_deadline=30))
    slow = sleeper(SLOW_CHECK)
    made = [Check("slow", slow)]
    mine = asyncio.run(resolver_delay(lambda: runner.arun(made)))
    pairs: list[Any] = [("slow", slow)]
    theirs = asyncio.run(resolver_delay(lambda: peer.run_checks_async(pairs)))
    what = f"getaddrinfo beside {PROBES} probes of a {SLOW_CHECK:.0f} s check"
    row(what, f"{mine * 1000:.1f} ms", f"{theirs * 1000:.0f} ms", "< 50 ms")


def hung_check() -> None:
    """Ten thousand probes of a check that never returns, one after the other."""
    timeout, calls = 0.1, []
    released = threading.Event()

    def hangs() -> None:
        calls.append(1)
        released.wait()

    runner, before = Runner(Settings(check_timeout=timeout)), threading.active_count()
    made = [Check("hangs", hangs)]
    longest = max(timed(lambda: runner.run(made)) for _ in range(10_000))
    over = (longest - timeout) * 1000
    row(
        "10,000 probes of a hung check, the longest past its time",
        f"{over:.1f} ms",
        "",
        "< 100 ms",
    )
    threads = threading.active_count() - before
    row("  threads that they hold, and calls", f"{threads}, {len(calls)}", "", "1, 1")
    released.set()
    command = [sys.executable, "-c", HUNG_PROCESS]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        ending = timed(process.wait)
    row("  the end of a process that has one", f"{ending:.3f} s", "", "< 1 s")


def probe_storm() -> None:
    """A thousand probes at once, sync and async."""
    calls: list[int] = []

    def slow() -> None:
        calls.append(1)
        time.sleep(0.5)

    runner = Runner(Settings(check_timeout=30, heartbeat_deadline=30))
    made = [Check("slow", slow)]

    async def storm() -> None:
        await asyncio.gather(*(runner.arun(made) for _ in range(1000)))

    seconds = timed(lambda: asyncio.run(storm()))
    row("1,000 concurrent probes of a 0.5 s check, async", f"{seconds:.2f} s")
    together = threading.Barrier(1000)

    def probe() -> None:
        together.wait()
        runner.run(made)

    threads = [threading.Thread(target=probe) for _ in range(1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row(
        "  calls of the check by 1,000 async and 1,000 sync probes",
        str(len(calls)),
        "",
        "2",
    )


if __name__ == "__main__":
    row("", "ours", "python-dockerflow", "to show")
    side_by_side()
    hung_check()
    probe_storm()
    starved_executor()
