"""Measuring of candidates in many short rounds, each of which runs every candidate.

A candidate makes a number of calls and returns the seconds of one call. The seconds are
processor time of all threads, without other processes. Ratios are taken within a round,
so that a disturbance of the machine affects both candidates.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Self, TypeAlias

from tests.benchmarks.table import Bound, Row

Run: TypeAlias = Callable[[int], float]
Around: TypeAlias = Callable[[], contextlib.AbstractContextManager[object]]

PEER = "python-dockerflow"


@dataclasses.dataclass(frozen=True)
class Effort:
    """The length of a measurement.

    Attributes:
        rounds: the number of rounds.
        seconds: the duration of the slowest candidate in a round.
    """

    rounds: int = 301
    seconds: float = 0.002

    def calls(self, seconds: float) -> int:
        """Return the number of calls in a round, if a call takes some seconds."""
        return max(2, int(self.seconds / seconds))

    def part(self, whole: int) -> int:
        """Return the number of repetitions, if full effort has `whole`."""
        return min(whole, self.rounds)


QUICK = Effort(2, 0.0)


class Samples:
    """The measured seconds of a call, for each candidate and round."""

    def __init__(self, taken: Mapping[str, Sequence[float]]) -> None:
        self._taken = taken

    def of(self, name: str, bare: str | None = None) -> list[float]:
        """Return the seconds of a candidate, less those of a bare candidate."""
        taken = self._taken[name]
        if bare is None:
            return list(taken)
        pairs = zip(taken, self._taken[bare], strict=True)
        return [seconds - less for seconds, less in pairs]

    def row(
        self,
        measure: str,
        *,
        ours: str = "ours",
        theirs: str | None = PEER,
        beside: str | None = None,
        bare: str | None = "bare",
        bound: Bound | None = None,
    ) -> Row:
        """Return the row of two candidates, less the time of a bare candidate.

        Args:
            measure: the name of the measure.
            ours: our candidate.
            theirs: the other candidate, or None.
            beside: the package of the other candidate, if its name differs.
            bare: the candidate without middleware, or None.
            bound: the bound of the ratio.
        """
        mine = self.of(ours, bare)
        row = Row(measure, ours=duration(mine))
        if bare is not None:
            row = dataclasses.replace(row, bare=duration(self.of(bare)))
        if theirs is None:
            return row
        others = self.of(theirs, bare)
        row = dataclasses.replace(row, theirs=duration(others), beside=beside or theirs)
        return row.judged(ratios(mine, others), bound)


def ratios(values: Iterable[float], others: Iterable[float]) -> list[float]:
    """Return the ratio of each round."""
    pairs = zip(values, others, strict=True)
    return [value / other for value, other in pairs if other]


def spread(values: Sequence[float]) -> float:
    """Return half the distance between the quartiles."""
    if len(values) < 2:
        return 0.0
    lower, _, upper = statistics.quantiles(values, n=4)
    return (upper - lower) / 2


def duration(seconds: Sequence[float]) -> str:
    """Return the median and the spread of times as text, in a fitting unit."""
    median = statistics.median(seconds)
    unit, factor = next(
        ((unit, factor) for unit, factor in _UNITS if abs(median) * factor < 1000),
        ("s", 1.0),
    )
    return f"{median * factor:.3g} ± {spread(seconds) * factor:.2g} {unit}"


_UNITS = (("µs", 1e6), ("ms", 1e3))


def interleaved(candidates: Mapping[str, Run], effort: Effort) -> Samples:
    """Run the candidates in rounds, each in a new random order."""
    calls = effort.calls(max(_warmed_up(run) for run in candidates.values()))
    order = random.Random(0)
    names = list(candidates)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(effort.rounds):
        order.shuffle(names)
        for name in names:
            taken[name].append(candidates[name](calls))
    return Samples(taken)


def _warmed_up(run: Run) -> float:
    run(3)
    return min(run(3), run(3))


def repeated(call: Callable[[], object]) -> Run:
    """Return a candidate that calls a function."""

    def run(calls: int) -> float:
        started = time.process_time()
        for _ in range(calls):
            call()
        return (time.process_time() - started) / calls

    return run


def awaited(call: Callable[[], Awaitable[object]]) -> Run:
    """Return a candidate that awaits the results of a function, on one event loop."""

    async def run(calls: int) -> float:
        started = time.process_time()
        for _ in range(calls):
            await call()
        return (time.process_time() - started) / calls

    return lambda calls: runner().run(run(calls))


@functools.cache
def runner() -> asyncio.Runner:
    """Return the event loop of all candidates in this process."""
    return asyncio.Runner()


def within(around: Around, run: Run) -> Run:
    """Return a candidate that runs in a context; one unmeasured call comes first."""

    def surrounded(calls: int) -> float:
        with around():
            run(1)
            return run(calls)

    return surrounded


class Remote:
    """A candidate in a separate process, for packages that patch a framework.

    Args:
        module: the module to run, which calls `serve`.
        candidate: the argument of the module.
    """

    def __init__(self, module: str, candidate: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, candidate],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def __call__(self, calls: int) -> float:
        """Make calls in the process, and return the seconds of one."""
        process: Any = self._process
        process.stdin.write(f"{calls}\n")
        process.stdin.flush()
        return float(process.stdout.readline())


def serve(run: Run) -> None:
    """Run a candidate for the `Remote` in the parent process, until stdin closes."""
    for line in sys.stdin:
        print(run(int(line)), flush=True)
