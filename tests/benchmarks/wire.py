"""Throughput and latency under real servers, on the loopback interface."""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from tests.benchmarks.load import Load, loaded
from tests.benchmarks.measure import PEER, Effort, duration, ratios, spread
from tests.benchmarks.table import BOUNDS, Row
from tests.servers import Server, serving

# Rounds of one second.
ROUNDS = 11

# Two equal servers may differ by 3 % for as long as they run. A bound of that size
# needs many starts of each server, with more and shorter rounds.
STARTS, SHORT_ROUNDS, SHORT_SECONDS = 10, 16, 0.25

_UVICORN = ["uvicorn", "--no-access-log", "--log-level", "warning", "--factory"]
_GUNICORN = ["gunicorn", "--log-level", "warning", "--bind", "127.0.0.1:{port}"]

_FRAMEWORKS = {"asgi": "FastAPI", "wsgi": "Flask"}

EMPTY = {"bare": "empty", "ours": "ours"}
SMALL = {"bare": "bare", "ours": "ours"}
ORDINARY = {"bare": "ordinary_bare", "ours": "ordinary_ours", PEER: "ordinary_theirs"}


@dataclasses.dataclass(frozen=True)
class Round:
    """A load on a server, and the server's processor time for each request.

    Attributes:
        load: the load.
        processor: processor time in seconds; 0 on a system without ``/proc``.
    """

    load: Load
    processor: float


Rounds: TypeAlias = Mapping[str, list[Round]]


def command(interface: str, app: str) -> list[str]:
    """Return the command of a server with one worker process."""
    module = f"tests.benchmarks.served:{interface}_{app}"
    if interface == "asgi":
        return [sys.executable, "-m", *_UVICORN, "--port", "{port}", module]
    return [sys.executable, "-m", *_GUNICORN, f"{module}()"]


def rows(effort: Effort) -> Iterator[Row]:
    """Yield the rows of this topic."""
    rounds = effort.part(ROUNDS)
    for server, interface in {"Uvicorn": "asgi", "Gunicorn": "wsgi"}.items():
        heartbeat = measured_often(interface, EMPTY, "/__lbheartbeat__", effort)
        yield from figures(f"{server}, lbheartbeat", heartbeat)
        pages = measured(interface, ORDINARY, "/", rounds)
        page = f"{server}, a page of {_FRAMEWORKS[interface]}"
        yield from figures(page, pages)
        known = measured(interface, ORDINARY, "/known", rounds)
        yield from figures(f"{page} without a query", known)
        small = measured(interface, SMALL, "/", rounds)
        yield from figures(f"{server}, two words without a framework", small)


def measured_often(
    interface: str, apps: Mapping[str, str], path: str, effort: Effort
) -> Rounds:
    """Return the rounds of several servers, each of which is started many times."""
    found: dict[str, list[Round]] = {name: [] for name in apps}
    count = effort.part(SHORT_ROUNDS)
    for _ in range(effort.part(STARTS)):
        some = measured(interface, apps, path, count, SHORT_SECONDS)
        for name, rounds in some.items():
            found[name] += rounds
    return found


def measured(
    interface: str, apps: Mapping[str, str], path: str, rounds: int, seconds: float = 1
) -> Rounds:
    """Return the rounds of several servers, in reverse order every second time."""
    found: dict[str, list[Round]] = {name: [] for name in apps}
    with contextlib.ExitStack() as stack:
        servers = {}
        for name, app in apps.items():
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            server = serving(command(interface, app), Path(folder))
            servers[name] = stack.enter_context(server)
        names = list(servers)
        for name in names:
            measure(servers[name], path, seconds)
        for _ in range(rounds):
            for name in names:
                found[name].append(measure(servers[name], path, seconds))
            names.reverse()
    return found


def measure(server: Server, path: str, seconds: float) -> Round:
    """Load a server for some seconds, and return the round."""
    before = processor_time(server)
    load = loaded(server.url + path, seconds)
    return Round(load, (processor_time(server) - before) / load.answers)


def processor_time(server: Server) -> float:
    """Return a server's processor time in seconds; 0 without ``/proc``."""
    group, used = str(server.process.pid), 0
    for process in Path("/proc").glob("[0-9]*"):
        # A process may end between the two reads.
        with contextlib.suppress(OSError):
            # The process group is the third field after the name in parentheses.
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            if fields[2] == group:
                for thread in process.glob("task/*/schedstat"):
                    used += int(thread.read_text().split()[0])
    return used / 1e9


def figures(what: str, found: Rounds) -> Iterator[Row]:
    """Yield the rows of a load: requests a second, latency, and processor time."""
    rates = {name: [r.load.rate for r in rounds] for name, rounds in found.items()}
    yield row(f"{what}, throughput", rates, rate)
    p50 = {name: [r.load.p50 for r in rounds] for name, rounds in found.items()}
    yield row(f"{what}, p50", p50, duration)
    p99 = {name: [r.load.p99 for r in rounds] for name, rounds in found.items()}
    yield row(f"{what}, p99", p99, duration)
    used = {name: [r.processor for r in rounds] for name, rounds in found.items()}
    if any(used["bare"]):
        yield row(f"{what}, processor time a request", used, duration)


def row(
    what: str,
    values: Mapping[str, Sequence[float]],
    show: Callable[[Sequence[float]], str],
) -> Row:
    """Return the row of one figure, with the ratio of ours to bare."""
    theirs = show(values[PEER]) if PEER in values else ""
    made = Row(
        what,
        bare=show(values["bare"]),
        ours=show(values["ours"]),
        theirs=theirs,
        beside=PEER if theirs else "",
    )
    return made.judged(ratios(values["ours"], values["bare"]), BOUNDS.get(what))


def rate(values: Sequence[float]) -> str:
    """Return requests a second as text."""
    return f"{statistics.median(values):.0f} ± {spread(values):.0f} /s"
