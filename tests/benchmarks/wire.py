"""Throughput and latency under real servers, on the loopback."""

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
from tests.benchmarks.table import Bound, Row
from tests.servers import Server, serving

# How often it is each server's turn, for a second.
ROUNDS = 11

# Where no more than the thirtieth part is to be told from what the machine does at its
# own will, turns are shorter and more, and a server is started often: two of the same
# may differ by that part for as long as they run.
STARTS, SHORT_ROUNDS, SHORT_TURN = 10, 16, 0.25

_UVICORN = ["uvicorn", "--no-access-log", "--log-level", "warning", "--factory"]
_GUNICORN = ["gunicorn", "--log-level", "warning", "--bind", "127.0.0.1:{port}"]

_FRAMEWORKS = {"asgi": "FastAPI", "wsgi": "Flask"}

# What lbheartbeat answers, without us.
EMPTY = {"bare": "empty", "ours": "ours"}
SMALL = {"bare": "bare", "ours": "ours"}
ORDINARY = {"bare": "ordinary_bare", "ours": "ordinary_ours", PEER: "ordinary_theirs"}


@dataclasses.dataclass(frozen=True)
class Turn:
    """A load on a server, and the server's processor time for each request."""

    load: Load
    processor: float


Turns: TypeAlias = Mapping[str, list[Turn]]


def command(interface: str, app: str) -> list[str]:
    """Give the command of a server with one process that serves."""
    module = f"tests.benchmarks.served:{interface}_{app}"
    if interface == "asgi":
        return [sys.executable, "-m", *_UVICORN, "--port", "{port}", module]
    return [sys.executable, "-m", *_GUNICORN, f"{module}()"]


def rows(effort: Effort) -> Iterator[Row]:
    """Measure."""
    rounds = effort.part(ROUNDS)
    for server, interface in {"Uvicorn": "asgi", "Gunicorn": "wsgi"}.items():
        heartbeat = often_taken(interface, EMPTY, "/__lbheartbeat__", effort)
        bound = Bound(0.97, least=True)
        yield from figures(f"{server}, lbheartbeat", heartbeat, bound)
        pages = taken(interface, ORDINARY, "/", rounds)
        what = f"{server}, a page of {_FRAMEWORKS[interface]}"
        yield from figures(what, pages, Bound(0.90, least=True))
        known = taken(interface, ORDINARY, "/known", rounds)
        yield from figures(f"{what} without a query", known)
        small = taken(interface, SMALL, "/", rounds)
        yield from figures(f"{server}, two words without a framework", small)


def often_taken(
    interface: str, apps: Mapping[str, str], path: str, effort: Effort
) -> Turns:
    """Load several servers in turn, as `taken` does, each started many times."""
    found: dict[str, list[Turn]] = {name: [] for name in apps}
    for _ in range(effort.part(STARTS)):
        rounds = effort.part(SHORT_ROUNDS)
        for name, turns in taken(interface, apps, path, rounds, SHORT_TURN).items():
            found[name] += turns
    return found


def taken(
    interface: str, apps: Mapping[str, str], path: str, rounds: int, seconds: float = 1
) -> Turns:
    """Load several servers in turn, the other way round every second time."""
    found: dict[str, list[Turn]] = {name: [] for name in apps}
    with contextlib.ExitStack() as stack:
        servers = {}
        for name, app in apps.items():
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            server = serving(command(interface, app), Path(folder))
            servers[name] = stack.enter_context(server)
        names = list(servers)
        for name in names:
            turn(servers[name], path, seconds)
        for _ in range(rounds):
            for name in names:
                found[name].append(turn(servers[name], path, seconds))
            names.reverse()
    return found


def turn(server: Server, path: str, seconds: float) -> Turn:
    """Load a server once."""
    before = processor_time(server)
    load = loaded(server.url + path, seconds)
    return Turn(load, (processor_time(server) - before) / load.answers)


def processor_time(server: Server) -> float:
    """Give what the processes of a server have used so far; 0 where none can tell."""
    group, used = str(server.process.pid), 0
    for process in Path("/proc").glob("[0-9]*"):
        # One may end while it is asked.
        with contextlib.suppress(OSError):
            # The process group is the third field after the name in parentheses.
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            if fields[2] == group:
                for thread in process.glob("task/*/schedstat"):
                    used += int(thread.read_text().split()[0])
    return used / 1e9


def figures(what: str, found: Turns, bound: Bound | None = None) -> Iterator[Row]:
    """Give the rows of a load: requests a second, latency, and processor time."""
    rates = {n: [turn.load.rate for turn in turns] for n, turns in found.items()}
    yield row(f"{what}, throughput", rates, rate, bound)
    p50 = {n: [turn.load.p50 for turn in turns] for n, turns in found.items()}
    yield row(f"{what}, p50", p50, duration)
    p99 = {n: [turn.load.p99 for turn in turns] for n, turns in found.items()}
    yield row(f"{what}, p99", p99, duration)
    used = {n: [turn.processor for turn in turns] for n, turns in found.items()}
    if any(used["bare"]):
        yield row(f"{what}, processor time a request", used, duration)


def row(
    what: str,
    values: Mapping[str, Sequence[float]],
    show: Callable[[Sequence[float]], str],
    bound: Bound | None = None,
) -> Row:
    """Give the row of one figure, with the ratio of ours to bare."""
    theirs = show(values[PEER]) if PEER in values else ""
    made = Row(
        what,
        bare=show(values["bare"]),
        ours=show(values["ours"]),
        theirs=theirs,
        beside=PEER if theirs else "",
    )
    return made.judged(ratios(values["ours"], values["bare"]), bound)


def rate(values: Sequence[float]) -> str:
    """Show requests in a second."""
    return f"{statistics.median(values):.0f} ± {spread(values):.0f} /s"
