"""Time to import packages, each in a new process."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from collections.abc import Iterator

from tests.benchmarks.measure import PEER, Effort, Run, duration, interleaved
from tests.benchmarks.table import BOUNDS, Row

PROCESSES = 21

# The standard library's part of every service. Without it, its import would count as
# ours.
STANDARD = "import asyncio, json, logging"

# Our statement, the other package, and its statement.
PAIRS = [
    (f"{STANDARD}, dockerflow_mw.middleware", "standard library", STANDARD),
    ("import dockerflow_mw.logging", PEER, "import dockerflow.logging"),
    (
        "import dockerflow_mw.protocols.asgi",
        "asgi-correlation-id",
        "import asgi_correlation_id",
    ),
    *(
        (f"from dockerflow_mw.{name}", PEER, f"from dockerflow.{name}")
        for name in (
            "fastapi import router",
            "flask import Dockerflow",
            "sanic import Dockerflow",
        )
    ),
]


def process(code: str) -> Run:
    """Return a candidate that runs code in a new process, once for any calls."""
    # Isolated: the environment and the working directory add no imports.
    command = [sys.executable, "-I", "-c", code]

    def run(calls: int) -> float:
        before = children_seconds()
        subprocess.run(command, check=True)
        return children_seconds() - before

    return run


def children_seconds() -> float:
    """Return the processor time of all processes that this one has started."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def rows(effort: Effort) -> Iterator[Row]:
    """Yield the rows of this topic."""
    few = Effort(effort.part(PROCESSES), 0.0)
    yield package_row(few)
    for ours, beside, theirs in PAIRS:
        candidates = {
            "bare": process("pass"),
            "ours": process(ours),
            "theirs": process(theirs),
        }
        yield interleaved(candidates, few).row(ours, theirs="theirs", beside=beside)


def package_row(effort: Effort) -> Row:
    """Return the row of the package alone, bounded by a difference of medians."""
    measure = "import dockerflow_mw, beyond python -c pass"
    candidates = {"bare": process("pass"), "ours": process("import dockerflow_mw")}
    samples = interleaved(candidates, effort)
    bare, ours = samples.of("bare"), samples.of("ours")
    difference = (statistics.median(ours) - statistics.median(bare)) * 1000
    row = Row(measure, bare=duration(bare), ours=f"{difference:.3g} ms")
    return row.bounded(difference, BOUNDS[measure])
