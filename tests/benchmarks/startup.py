"""What imports take, each in a new process, without the interpreter's own start."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from tests.benchmarks.measure import PEER, Effort, Run, interleaved
from tests.benchmarks.table import Bound, Row

PROCESSES = 21

TIMED = """
import time
started = time.process_time()
import {modules}
print(time.process_time() - started)
"""

STANDARD = "asyncio, json, logging"

# What of ours stands beside what of theirs. The first has all of the standard library's
# in it, because who serves soon imports asyncio as well.
BESIDE = {
    f"{STANDARD}, dockerflow_mw": (STANDARD, STANDARD),
    "dockerflow_mw.logging": (PEER, "dockerflow.logging"),
    "dockerflow_mw.protocols.asgi": ("asgi-correlation-id", "asgi_correlation_id"),
    "dockerflow_mw.fastapi": (PEER, "dockerflow.fastapi"),
    "dockerflow_mw.flask": (PEER, "dockerflow.flask"),
    "dockerflow_mw.sanic": (PEER, "dockerflow.sanic"),
}


def imported(modules: str) -> Run:
    """Make a candidate of an import, which is always one."""
    # Isolated, so that nothing of the environment or the working directory counts.
    command = [sys.executable, "-I", "-c", TIMED.format(modules=modules)]

    def run(calls: int) -> float:
        done = subprocess.run(command, capture_output=True, check=True, text=True)
        return float(done.stdout)

    return run


def rows(effort: Effort) -> Iterator[Row]:
    """Measure."""
    few = Effort(effort.part(PROCESSES), 0.0)
    pairs = {"dockerflow_mw": (STANDARD, STANDARD), **BESIDE}
    for ours, (beside, theirs) in pairs.items():
        candidates = {ours: imported(ours), theirs: imported(theirs)}
        bound = Bound(1.5) if ours == "dockerflow_mw" else None
        yield interleaved(candidates, few).row(
            f"import {ours}",
            ours=ours,
            theirs=theirs,
            beside=beside,
            bare=None,
            bound=bound,
        )
