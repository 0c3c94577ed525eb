"""Time that a package adds to a Sanic request, under ASGI.

At start-up, Sanic removes the signals without handlers from its methods, for the whole
process. So each candidate has a process of its own. Two processes may differ in speed,
so each candidate has several, one after the other.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from dockerflow.sanic import Dockerflow as Peer
from sanic import HTTPResponse, Sanic
from sanic.response import text

from dockerflow_mw.sanic import Dockerflow
from tests.benchmarks import logs
from tests.benchmarks.asgi import calls
from tests.benchmarks.measure import (
    PEER,
    Effort,
    Remote,
    Samples,
    interleaved,
    runner,
    serve,
    within,
)
from tests.benchmarks.table import BOUNDS, Row
from tests.sanic.door import start

PROCESSES = 5

NAMES = ("bare", "ours", PEER)


def make_app(candidate: str) -> Any:
    """Return the application of a candidate."""
    app: Any = Sanic("bench", configure_logging=False)
    app.config.MOTD = False

    @app.get("/page")
    async def page(request: Any) -> HTTPResponse:
        return text("a page")

    if candidate != "bare":
        (Dockerflow if candidate == "ours" else Peer)(app)
    return app


def rows(effort: Effort) -> Iterator[Row]:
    """Yield the rows of this topic."""
    processes = effort.part(PROCESSES)
    part = Effort(effort.rounds // processes, effort.seconds)
    taken: dict[str, list[float]] = {name: [] for name in NAMES}
    for _ in range(processes if effort.seconds else 1):
        with contextlib.ExitStack() as stack:
            remotes = {n: stack.enter_context(Remote(__name__, n)) for n in NAMES}
            samples = interleaved(remotes, part)
        for name in NAMES:
            taken[name] += samples.of(name)
    what = "Sanic, a summary written"
    yield Samples(taken).row(what, bound=BOUNDS[what])


def main(candidate: str) -> None:
    """Run a candidate."""
    app = make_app(candidate)
    runner().run(start(app))
    serve(within(logs.theirs if candidate == PEER else logs.ours, calls(app)))


if __name__ == "__main__":
    main(sys.argv[1])
