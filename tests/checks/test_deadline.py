"""Checks that are slow, hang, or are asked for by many at once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dockerflow_mw.checks.registry import Check
from dockerflow_mw.checks.results import CheckResult, ChecksResults
from dockerflow_mw.checks.runner import Runner
from dockerflow_mw.settings import Settings
from tests.checks.running import Run

# What a hang would break, on any machine.
BOUND = 20.0


class Held:
    """A sync check that waits until it is let go, and counts its calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.started = threading.Event()
        self.released = threading.Event()
        self.ended = threading.Event()

    def __call__(self) -> None:
        self.calls += 1
        self.started.set()
        self.released.wait()
        self.ended.set()

    def release(self) -> None:
        """Let the check go, and wait until its thread is through."""
        self.released.set()
        if self.calls:
            assert self.ended.wait(BOUND)


@pytest.fixture
def held() -> Iterator[Held]:
    check = Held()
    yield check
    check.release()


def runner(**settings: Any) -> Runner:
    return Runner(Settings(**{"check_timeout": 0.05, **settings}))


def only(results: ChecksResults) -> CheckResult:
    (result,) = results
    return result


def until(condition: Callable[[], bool]) -> None:
    """Poll for what has no event of its own."""
    ends = time.monotonic() + BOUND
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.001)


def test_a_late_check_is_named_as_late(run: Run, held: Held) -> None:
    late, fine = run(runner(), [Check("late", held), Check("fine", lambda: None)])
    assert late.texts == {
        "dockerflow.health.E103": "timed out after 0.1 s; still running"
    }
    assert (late.failed, fine.level) == (True, 0)


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"check_timeout": 0.25, "heartbeat_deadline": BOUND}, {}),
        ({"check_timeout": BOUND, "heartbeat_deadline": 0.25}, {}),
        ({"check_timeout": BOUND, "heartbeat_deadline": BOUND}, {"timeout": 0.25}),
        ({"check_timeout": 0.01, "heartbeat_deadline": 0.25}, {"timeout": BOUND}),
    ],
)
def test_the_first_of_timeout_and_deadline_counts(
    run: Run, held: Held, settings: dict[str, float], options: dict[str, float]
) -> None:
    started = time.monotonic()
    late = only(run(runner(**settings), [Check("x", held, **options)]))  # type: ignore[arg-type]
    assert 0.25 <= time.monotonic() - started < BOUND
    assert late.texts.keys() == {"dockerflow.health.E103"}


def test_a_late_check_is_never_started_twice(run: Run, held: Held) -> None:
    made, check = runner(), Check("x", held)
    for _ in range(5):
        assert only(run(made, [check])).failed
    assert held.calls == 1


def test_what_came_late_serves_the_next_probe(run: Run, held: Held) -> None:
    made, check = runner(), Check("x", held)
    assert only(run(made, [check])).failed
    held.release()
    until(lambda: made._executions["x"].done)
    served = only(run(made, [check]))
    assert not served.failed
    assert served.duration >= 0.05
    # It has begun again meanwhile, and once that is quick, probes wait for their own.
    assert held.calls == 2
    until(lambda: made._executions["x"].done)
    assert not only(run(made, [check])).failed
    assert held.calls == 3


def test_what_came_far_too_late_serves_nobody(
    run: Run, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, check = runner(), Check("x", held)
    run(made, [check])
    held.release()
    until(lambda: made._executions["x"].done)
    monkeypatch.setattr("dockerflow_mw.checks.runner.LATE_RESULT_MAX_AGE", 0.0)
    run(made, [check])
    assert held.calls == 2


def test_an_async_check_that_is_late_goes_on_in_its_task() -> None:
    calls = []
    swallowed = []

    async def check() -> None:
        calls.append(1)
        try:
            await asyncio.sleep(0.2)
        except asyncio.CancelledError:
            swallowed.append(1)

    async def serve() -> list[bool]:
        made, checks = runner(), [Check("x", check)]
        first = (await made.arun(checks)).failed
        second = (await made.arun(checks)).failed
        await asyncio.sleep(0.3)
        return [first, second, (await made.arun(checks)).failed]

    assert asyncio.run(serve()) == [True, True, False]
    assert (len(calls), swallowed) == (1, [])


def test_an_async_check_whose_loop_is_gone_is_started_anew() -> None:
    calls = []

    async def check() -> None:
        calls.append(1)
        await asyncio.sleep(BOUND if len(calls) == 1 else 0)

    class Loop:
        def __init__(self) -> None:
            self.loop = asyncio.new_event_loop()

        def arun(self, made: Runner) -> bool:
            return self.loop.run_until_complete(made.arun([Check("x", check)])).failed

    made, first, second = runner(), Loop(), Loop()
    assert first.arun(made) is True
    for task in asyncio.all_tasks(first.loop):
        # It is meant to be lost, and shall not complain of that.
        setattr(task, "_log_destroy_pending", False)  # noqa: B010 - it is private
    first.loop.close()
    assert second.arun(made) is False
    second.loop.close()
    assert len(calls) == 2


def test_a_closed_loop_is_a_failure_of_the_check() -> None:
    async def check() -> None: ...

    loop = asyncio.new_event_loop()
    loop.close()
    made = runner()
    batch = made._join((Check("x", check),), lambda: loop)
    batch.wait()
    assert isinstance(only(made._finish(batch)).error, RuntimeError)


def test_probes_of_all_threads_share_one_run(held: Held) -> None:
    made, check = (
        runner(check_timeout=BOUND, heartbeat_deadline=BOUND),
        Check("x", held),
    )
    with ThreadPoolExecutor(50) as pool:
        probes = [pool.submit(made.run, [check]) for _ in range(50)]
        assert held.started.wait(BOUND)
        until(lambda: len(made._executions["x"].result._waiters) == 50)
        held.release()
        assert not any(probe.result(BOUND).failed for probe in probes)
    assert held.calls == 1


def test_a_thousand_probes_of_one_loop_share_one_run(held: Held) -> None:
    made, check = (
        runner(check_timeout=BOUND, heartbeat_deadline=BOUND),
        Check("x", held),
    )

    async def serve() -> list[ChecksResults]:
        probes = [asyncio.create_task(made.arun([check])) for _ in range(1000)]
        await asyncio.to_thread(held.started.wait, BOUND)
        held.released.set()
        return await asyncio.gather(*probes)

    assert not any(results.failed for results in asyncio.run(serve()))
    assert held.calls == 1


def test_a_flight_is_one_answer_for_all_of_its_checks(held: Held) -> None:
    quick_calls = []

    def quick() -> None:
        quick_calls.append(1)

    checks = [Check("held", held), Check("quick", quick)]
    made = runner(check_timeout=BOUND, heartbeat_deadline=BOUND)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(made.run, checks)
        until(lambda: len(quick_calls) == 1 and made._executions["quick"].done)
        second = pool.submit(made.run, checks)
        until(lambda: len(made._executions["held"].result._waiters) == 2)
        held.release()
        assert first.result(BOUND) is second.result(BOUND)
    assert (held.calls, len(quick_calls)) == (1, 1)


def test_a_waiter_that_gives_up_takes_nothing_from_the_others(held: Held) -> None:
    made, check = (
        runner(check_timeout=BOUND, heartbeat_deadline=BOUND),
        Check("x", held),
    )

    async def serve() -> ChecksResults:
        gone = asyncio.create_task(made.arun([check]))
        stays = asyncio.create_task(made.arun([check]))
        await asyncio.to_thread(held.started.wait, BOUND)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        held.released.set()
        return await stays

    assert not asyncio.run(serve()).failed


@pytest.mark.parametrize(
    ("settings", "options", "calls"),
    [
        ({}, {}, 3),
        ({"cache_seconds": BOUND}, {}, 1),
        ({}, {"cache_seconds": BOUND}, 1),
        ({"cache_seconds": BOUND}, {"cache_seconds": 0}, 3),
    ],
)
def test_a_result_serves_as_long_as_it_is_cached(
    run: Run, settings: dict[str, float], options: dict[str, float], calls: int
) -> None:
    called = []
    check = Check("x", lambda: called.append(1), **options)  # type: ignore[arg-type]
    made = runner(**settings)
    ages = [only(run(made, [check])).age for _ in range(3)]
    assert len(called) == calls
    assert all(0 <= age < BOUND for age in ages)


def test_a_check_that_is_always_late_does_not_flap(run: Run) -> None:
    calls = []

    def slow() -> None:
        calls.append(1)
        time.sleep(0.1)

    made, check = runner(), Check("x", slow)
    failed = []
    for _ in range(4):
        failed.append(only(run(made, [check])).failed)
        until(lambda: made._executions["x"].done)
    assert failed == [True, False, False, False]
    assert len(calls) == 4


def test_who_is_known_to_be_slow_is_not_waited_for(run: Run, held: Held) -> None:
    made, check = runner(), Check("x", held)
    run(made, [check])
    held.release()
    until(lambda: made._executions["x"].done)
    held.released.clear()
    assert not only(run(made, [check])).failed
    # The check hangs again, and its last word is still young.
    assert not only(run(made, [check])).failed
    assert not made._executions["x"].done
    held.released.set()


def test_failures_are_counted_by_run_and_not_by_probe(held: Held) -> None:
    made = runner(check_timeout=1.0, heartbeat_deadline=1.0)
    check = Check("x", held, failures_before_error=3)
    groups = [[check, Check(str(i), lambda: None)] for i in range(6)]
    with ThreadPoolExecutor(6) as pool:
        tolerated = [next(iter(r)).tolerated for r in pool.map(made.run, groups)]
    assert tolerated == [True] * 6
    assert held.calls == 1


def test_a_check_that_hangs_is_not_tolerated_for_ever(held: Held) -> None:
    made, check = runner(), Check("x", held, failures_before_error=3)
    assert only(made.run([check])).tolerated
    until(lambda: not only(made.run([check])).tolerated)
    assert held.calls == 1


def test_a_bound_method_registered_again_is_the_same_check(held: Held) -> None:
    class Service:
        def up(self) -> None:
            held()

    service, made = Service(), runner()
    for _ in range(3):
        assert only(made.run([Check("x", service.up)])).failed
    assert held.calls == 1


def test_a_check_that_is_cancelled_with_its_loop_is_started_anew() -> None:
    calls = []

    async def check() -> None:
        calls.append(1)
        await asyncio.sleep(BOUND if len(calls) == 1 else 0)

    made = runner()
    assert asyncio.run(made.arun([Check("x", check)])).failed
    assert not asyncio.run(made.arun([Check("x", check)])).failed
    assert len(calls) == 2


def test_a_thread_that_cannot_be_started_costs_no_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slots = threading.BoundedSemaphore(1)
    monkeypatch.setattr("dockerflow_mw.checks.run._threads", slots)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    made, check = runner(), Check("x", lambda: None)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        assert only(made.run([check])).failed
    assert not only(made.run([check])).failed


def test_probes_leave_nothing_on_a_check_that_hangs(held: Held) -> None:
    made = runner(check_timeout=BOUND, heartbeat_deadline=0.001)
    check = Check("x", held)

    async def serve() -> None:
        for _ in range(50):
            await made.arun([check])

    asyncio.run(serve())
    execution = made._executions["x"]
    assert execution._listeners == set()
    assert execution.result._done_callbacks == []  # type: ignore[attr-defined]


def test_what_a_check_had_at_hand_does_not_outlive_it(run: Run) -> None:
    class Connection:
        pass

    kept: list[weakref.ref[Connection]] = []

    def check() -> None:
        connection = Connection()
        kept.append(weakref.ref(connection))
        raise ValueError("no answer")

    result = only(run(runner(), [Check("x", check)]))
    assert isinstance(result.error, ValueError)
    assert kept[0]() is None


def test_a_function_registered_anew_is_another_check(held: Held) -> None:
    made = runner()
    assert only(made.run([Check("x", held)])).failed
    assert not only(made.run([Check("x", lambda: None)])).failed


def test_there_is_an_end_to_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    slots = threading.BoundedSemaphore(1)
    monkeypatch.setattr("dockerflow_mw.checks.run._threads", slots)
    first, second = Held(), Held()
    try:
        results = runner().run([Check("first", first), Check("second", second)])
        assert [isinstance(r.error, RuntimeError) for r in results] == [False, True]
    finally:
        first.release()
    until(lambda: slots.acquire(blocking=False))


def test_ten_thousand_probes_of_a_check_that_hangs_hold_one_thread(held: Held) -> None:
    made, check = runner(), Check("x", held)
    before = threading.active_count()
    longest = 0.0
    for _ in range(10_000):
        started = time.monotonic()
        assert only(made.run([check])).failed
        longest = max(longest, time.monotonic() - started)
    assert threading.active_count() <= before + 1
    assert held.calls == 1
    assert longest < BOUND


HUNG = """
import asyncio, sys, threading
from dockerflow_mw.checks.registry import Check
from dockerflow_mw.checks.runner import Runner
from dockerflow_mw.settings import Settings

async def ahang():
    await asyncio.Event().wait()

runner = Runner(Settings(check_timeout=0.05))
checks = [Check("sync", threading.Event().wait), Check("async", ahang)]
if sys.argv[1] == "sync":
    results = runner.run(checks)
else:
    results = asyncio.run(runner.arun(checks))
print(*results.statuses.values())
"""


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_no_hung_check_keeps_the_process_from_its_end(kind: str) -> None:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", HUNG, kind]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BOUND)
    assert (done.returncode, done.stdout) == (0, "error error\n")
    assert done.stderr == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_starts_afresh(held: Held) -> None:
    async def fine() -> None: ...

    made = runner(cache_seconds=BOUND)
    checks = [Check("held", held), Check("fine", fine)]
    assert [r.failed for r in made.run(checks)] == [True, False]
    code = (
        "import os, threading\n"
        "from tests.checks.test_deadline import Check, Held, runner\n"
        "async def fine(): ...\n"
        "held, made = Held(), runner(cache_seconds=20)\n"
        "checks = [Check('held', held), Check('fine', fine)]\n"
        "made.run(checks)\n"
        "with made._lock:\n"
        "    pid = os.fork()\n"
        "    if not pid:\n"
        "        held.released.set()\n"
        "        fails = [r.failed for r in made.run(checks)]\n"
        "        os._exit(0 if fails == [False, False] and held.calls == 2 else 1)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0\n"
    )
    command = [sys.executable, "-c", code]
    subprocess.run(command, check=True, timeout=BOUND)


def test_j1_a_hung_check_leaves_the_loop_s_executor_alone(held: Held) -> None:
    made, check = (
        runner(check_timeout=BOUND, heartbeat_deadline=BOUND),
        Check("x", held),
    )

    async def serve() -> int:
        probes = [asyncio.create_task(made.arun([check])) for _ in range(60)]
        await asyncio.sleep(0)
        found = await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)
        still = sum(not probe.done() for probe in probes)
        held.released.set()
        await asyncio.gather(*probes)
        assert found
        return still

    assert asyncio.run(serve()) == 60
