"""Tests of slow checks, hung checks and many probes at once."""

from __future__ import annotations

import asyncio
import contextvars
import gc
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

from dockerflow_mw.checks.messages import Error
from dockerflow_mw.checks.registry import Check
from dockerflow_mw.checks.results import CheckResult, ChecksResults
from dockerflow_mw.checks.run import MAX_THREADS
from dockerflow_mw.checks.runner import Runner
from dockerflow_mw.settings import Settings
from tests.checks.running import Run

# Seconds that only a hang exceeds, on any machine.
BOUND = 20.0


class Held:
    """A sync check that waits until its release, and counts its calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.started = threading.Event()
        self.released = threading.Event()

    def __call__(self) -> None:
        self.calls += 1
        self.started.set()
        self.released.wait()

    def release(self) -> None:
        """End the running calls, and wait until their threads have ended."""
        self.released.set()
        until(lambda: check_threads() == 0)


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


def check_threads() -> int:
    """Return the number of threads that run checks."""
    names = [thread.name for thread in threading.enumerate()]
    return sum(name.startswith("dockerflow-check-") for name in names)


def until(condition: Callable[[], bool]) -> None:
    """Poll for a condition that has no event."""
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


def test_a_late_result_answers_the_next_probe(run: Run, held: Held) -> None:
    made, check = runner(), Check("x", held)
    assert only(run(made, [check])).failed
    held.release()
    late = only(run(made, [check]))
    assert not late.failed
    assert late.duration >= 0.05
    # The check runs again meanwhile. Its next run is quick, so later probes wait.
    until(lambda: check_threads() == 0)
    assert held.calls == 2
    assert not only(run(made, [check])).failed
    assert held.calls == 3


def test_a_late_result_that_is_old_answers_no_probe(
    run: Run, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, check = runner(), Check("x", held)
    run(made, [check])
    held.release()
    monkeypatch.setattr("dockerflow_mw.checks.runner.LATE_RESULT_MAX_AGE", 0.0)
    assert only(run(made, [check])).duration < 0.05
    assert held.calls == 2


def test_a_late_async_check_continues_in_its_task() -> None:
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


def test_an_async_check_of_a_closed_loop_is_started_again() -> None:
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
        # The test loses this task on purpose; asyncio would report that.
        setattr(task, "_log_destroy_pending", False)  # noqa: B010 - it is private
    first.loop.close()
    assert second.arun(made) is False
    second.loop.close()
    assert len(calls) == 2


class Awaitable:
    def __await__(self) -> Any:
        yield


def test_an_awaitable_for_a_closed_loop_is_a_failure(held: Held) -> None:
    def check() -> Awaitable:
        held()
        return Awaitable()

    made = runner()
    assert only(asyncio.run(made.arun([Check("x", check)]))).failed
    held.release()
    assert isinstance(only(made.run([Check("x", check)])).error, RuntimeError)


def test_probes_of_all_threads_share_one_run(held: Held) -> None:
    made = runner(check_timeout=BOUND, heartbeat_deadline=BOUND)
    # A probe that arrives after the release gets the cached result.
    check = Check("x", held, cache_seconds=BOUND)
    all_started = threading.Barrier(51)

    def probe() -> ChecksResults:
        all_started.wait(BOUND)
        return made.run([check])

    with ThreadPoolExecutor(50) as pool:
        probes = [pool.submit(probe) for _ in range(50)]
        all_started.wait(BOUND)
        assert held.started.wait(BOUND)
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


def test_a_probe_joins_a_batch_in_which_some_checks_are_done(held: Held) -> None:
    quick_calls = []

    def quick() -> None:
        quick_calls.append(1)

    checks = [Check("held", held), Check("quick", quick)]
    made = runner(check_timeout=BOUND, heartbeat_deadline=BOUND)

    async def serve() -> tuple[ChecksResults, ChecksResults]:
        first = asyncio.create_task(made.arun(checks))
        await asyncio.to_thread(
            until, lambda: [*quick_calls, check_threads()] == [1, 1]
        )
        second = asyncio.create_task(made.arun(checks))
        await asyncio.sleep(0)
        held.released.set()
        return await asyncio.gather(first, second)

    first, second = asyncio.run(serve())
    assert first is second
    assert (held.calls, len(quick_calls)) == (1, 1)


def test_a_cancelled_probe_leaves_the_others_their_run(held: Held) -> None:
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
def test_a_cached_result_answers_further_probes(
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
        until(lambda: check_threads() == 0)
    assert failed == [True, False, False, False]
    assert len(calls) == 4


def test_a_late_result_answers_while_the_check_hangs_again(
    run: Run, held: Held
) -> None:
    made, check = runner(), Check("x", held)
    run(made, [check])
    held.release()
    held.released.clear()
    assert not only(run(made, [check])).failed
    assert not only(run(made, [check])).failed
    assert check_threads() == 1


def test_several_probes_of_one_run_count_one_failure(held: Held) -> None:
    made = runner(check_timeout=1.0, heartbeat_deadline=1.0)
    check = Check("x", held, failures_before_error=3)
    groups = [[check, Check(str(i), lambda: None)] for i in range(6)]
    with ThreadPoolExecutor(6) as pool:
        tolerated = [next(iter(r)).tolerated for r in pool.map(made.run, groups)]
    assert tolerated == [True] * 6
    assert held.calls == 1


def test_a_check_that_hangs_uses_up_its_tolerated_failures(held: Held) -> None:
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


def test_a_check_that_was_cancelled_with_its_loop_is_started_again() -> None:
    calls = []

    async def check() -> None:
        calls.append(1)
        await asyncio.sleep(BOUND if len(calls) == 1 else 0)

    made = runner()
    assert asyncio.run(made.arun([Check("x", check)])).failed
    assert not asyncio.run(made.arun([Check("x", check)])).failed
    assert len(calls) == 2


def test_threads_that_cannot_start_do_not_count_towards_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    made = runner()
    checks = [Check(str(i), lambda: None) for i in range(MAX_THREADS)]
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        assert all(result.failed for result in made.run(checks))
    assert not only(made.run([Check("x", lambda: None)])).failed


def test_probes_of_a_hung_check_leave_no_reference_to_their_loop(held: Held) -> None:
    made = runner(heartbeat_deadline=0.001)
    check = Check("x", held)
    assert only(made.run([check])).failed

    async def serve() -> weakref.ref[asyncio.AbstractEventLoop]:
        assert only(await made.arun([check])).failed
        return weakref.ref(asyncio.get_running_loop())

    loop = asyncio.run(serve())
    gc.collect()
    assert loop() is None


def test_results_of_a_slow_check_are_released_after_their_use(run: Run) -> None:
    class Payload:
        pass

    kept: list[weakref.ref[Payload]] = []

    def slow() -> Error:
        time.sleep(0.1)
        payload = Payload()
        kept.append(weakref.ref(payload))
        return Error("slow", obj=payload)

    made, check = runner(), Check("x", slow)
    for _ in range(4):
        run(made, [check])
        until(lambda: check_threads() == 0)
    gc.collect()
    assert [payload() is None for payload in kept[:2]] == [True, True]


def test_the_context_of_a_probe_is_released_when_the_check_is_done(run: Run) -> None:
    class Request:
        pass

    async def check() -> None: ...

    def probe() -> weakref.ref[Request]:
        request = Request()
        variable.set(request)
        made.extend(run(kept, [Check("sync", lambda: None), Check("async", check)]))
        return weakref.ref(request)

    variable: contextvars.ContextVar[Request] = contextvars.ContextVar("variable")
    kept, made = runner(cache_seconds=BOUND), list[CheckResult]()
    request = contextvars.copy_context().run(probe)
    until(lambda: check_threads() == 0)
    gc.collect()
    assert request() is None


def test_a_probe_ends_with_the_last_check(run: Run, held: Held) -> None:
    async def quick() -> None:
        await asyncio.sleep(0.05)

    made = runner(check_timeout=BOUND, heartbeat_deadline=BOUND)
    checks = [
        Check("sync", lambda: time.sleep(0.1)),
        Check("async", quick),
        Check("late", held, timeout=0.01),
    ]
    started = time.monotonic()
    assert [result.failed for result in run(made, checks)] == [False, False, True]
    assert time.monotonic() - started < BOUND / 2


def test_the_local_variables_of_a_check_are_released(run: Run) -> None:
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


def test_another_function_under_the_name_is_another_check(held: Held) -> None:
    made = runner()
    assert only(made.run([Check("x", held)])).failed
    assert not only(made.run([Check("x", lambda: None)])).failed


def test_the_number_of_threads_is_limited(held: Held) -> None:
    made = runner()
    checks = [Check(str(i), held) for i in range(MAX_THREADS + 1)]
    errors = [result.error for result in made.run(checks)]
    assert errors[:-1] == [None] * MAX_THREADS
    assert str(errors[-1]) == f"{MAX_THREADS} checks are still running."
    held.release()
    assert not only(made.run([Check("x", held)])).failed


def test_ten_thousand_probes_of_a_hung_check_use_one_thread(held: Held) -> None:
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
def test_a_hung_check_does_not_delay_the_exit_of_the_process(kind: str) -> None:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", HUNG, kind]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BOUND)
    assert (done.returncode, done.stdout) == (0, "error error\n")
    assert done.stderr == ""


FORKS = """
import os, threading
from dockerflow_mw.checks.registry import Check
from dockerflow_mw.checks.runner import Runner
from dockerflow_mw.settings import Settings

released, calls = threading.Event(), []

def held():
    calls.append(1)
    released.wait()

async def fine():
    pass

def probe():
    while True:
        runner.run([Check("other", int)])

runner = Runner(Settings(cache_seconds=20))
checks = [Check("held", held, timeout=0.05), Check("fine", fine)]
assert [result.failed for result in runner.run(checks)] == [True, False]
checks = [Check("held", held), Check("fine", fine)]
for _ in range(4):
    threading.Thread(target=probe, daemon=True).start()
for _ in range(50):
    child = os.fork()
    if not child:
        released.set()
        failed = [result.failed for result in runner.run(checks)]
        os._exit(0 if failed == [False, False] and len(calls) == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="The platform has no fork.")
def test_a_child_that_is_forked_during_probes_runs_the_checks_again() -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKS]
    subprocess.run(command, check=True, timeout=BOUND)


def test_a_hung_check_does_not_block_the_executor_of_the_loop(held: Held) -> None:
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
