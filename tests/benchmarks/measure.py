"""Measures candidates in turn, so that what disturbs one disturbs the others as well.

A candidate makes a number of calls and gives the seconds that one took, of processor
time in all threads, for what else the machine does takes none of that. Rounds are short
and many, and what is compared is compared within rounds.
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
    """How long is measured.

    Attributes:
        rounds: how often it is each candidate's turn.
        turn: how long the slowest candidate's turn shall take, in seconds.
    """

    rounds: int = 301
    turn: float = 0.002

    def calls(self, seconds: float) -> int:
        """Give the number of calls in a turn, of what takes so long."""
        return max(2, int(self.turn / seconds))

    def part(self, whole: int) -> int:
        """Give how often to do what is done so often, at full effort."""
        return min(whole, self.rounds)


QUICK = Effort(2, 0.0)


class Samples:
    """What was measured: for each candidate the seconds a call, one of each round."""

    def __init__(self, taken: Mapping[str, Sequence[float]]) -> None:
        self._taken = taken

    def of(self, name: str, bare: str | None = None) -> list[float]:
        """Give a candidate's seconds, or what it adds to those of another one."""
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
        """Give the row of two candidates, less what a bare one takes.

        Args:
            measure: what was measured.
            ours: the candidate that is ours.
            theirs: the other one; None where there is none.
            beside: the package of the other one, if that is not its name.
            bare: the candidate that nothing is in front of; None where there is none.
            bound: what the ratio is to show.
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
    """Give the ratios of each round."""
    pairs = zip(values, others, strict=True)
    return [value / other for value, other in pairs if other]


def spread(values: Sequence[float]) -> float:
    """Give half of the distance between the quartiles."""
    if len(values) < 2:
        return 0.0
    lower, _, upper = statistics.quantiles(values, n=4)
    return (upper - lower) / 2


def duration(seconds: Sequence[float]) -> str:
    """Show the median and the spread of times in a fitting unit."""
    median = statistics.median(seconds)
    unit, factor = next(
        ((unit, factor) for unit, factor in _UNITS if abs(median) * factor < 1000),
        ("s", 1.0),
    )
    return f"{median * factor:.3g} ± {spread(seconds) * factor:.2g} {unit}"


_UNITS = (("µs", 1e6), ("ms", 1e3))


def interleaved(candidates: Mapping[str, Run], effort: Effort) -> Samples:
    """Measure candidates in turn, in another order each round."""
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
    """Make a candidate of a function."""

    def run(calls: int) -> float:
        started = time.process_time()
        for _ in range(calls):
            call()
        return (time.process_time() - started) / calls

    return run


def awaited(call: Callable[[], Awaitable[object]]) -> Run:
    """Make a candidate of a function whose result is awaited, on one event loop."""

    async def run(calls: int) -> float:
        started = time.process_time()
        for _ in range(calls):
            await call()
        return (time.process_time() - started) / calls

    return lambda calls: runner().run(run(calls))


@functools.cache
def runner() -> asyncio.Runner:
    """Give the event loop of all that is measured in this process."""
    return asyncio.Runner()


def within(around: Around, run: Run) -> Run:
    """Have something set up for each turn of a candidate; one call warms it up."""

    def surrounded(calls: int) -> float:
        with around():
            run(1)
            return run(calls)

    return surrounded


class Remote:
    """A candidate in a process of its own, where frameworks are changed for good.

    Args:
        module: what is run there; it calls `serve`.
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
        """Have calls made, and give the seconds of one."""
        process: Any = self._process
        process.stdin.write(f"{calls}\n")
        process.stdin.flush()
        return float(process.stdout.readline())


def serve(run: Run) -> None:
    """Be the candidate of a `Remote`, until its end."""
    for line in sys.stdin:
        print(run(int(line)), flush=True)
