"""What is added to a Sanic request, under ASGI.

Sanic rewrites its own methods when an application starts, for the process: what nobody
listens to is removed. So each candidate has a process, and several of them one after
the other, because no two processes are equally fast.
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
from tests.benchmarks.table import Row
from tests.sanic.door import start

PROCESSES = 5

NAMES = ("bare", "ours", PEER)


def make_app(candidate: str) -> Any:
    """Make an application, with the extension that a candidate has."""
    app: Any = Sanic("bench", configure_logging=False)
    app.config.MOTD = False

    @app.get("/page")
    async def page(request: Any) -> HTTPResponse:
        return text("a page")

    if candidate != "bare":
        (Dockerflow if candidate == "ours" else Peer)(app)
    return app


def rows(effort: Effort) -> Iterator[Row]:
    """Measure."""
    processes = effort.part(PROCESSES)
    part = Effort(effort.rounds // processes, effort.turn)
    taken: dict[str, list[float]] = {name: [] for name in NAMES}
    for _ in range(processes if effort.turn else 1):
        with contextlib.ExitStack() as stack:
            remotes = {n: stack.enter_context(Remote(__name__, n)) for n in NAMES}
            samples = interleaved(remotes, part)
        for name in NAMES:
            taken[name] += samples.of(name)
    yield Samples(taken).row("Sanic, a summary written")


def main(candidate: str) -> None:
    """Be a candidate."""
    app = make_app(candidate)
    runner().run(start(app))
    serve(within(logs.theirs if candidate == PEER else logs.ours, calls(app)))


if __name__ == "__main__":
    main(sys.argv[1])
