"""The table of the benchmarks: its rows, the bounds of ratios, and the machine."""

from __future__ import annotations

import dataclasses
import os
import platform
import shutil
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from dockerflow_mw.logging import encoding

PACKAGES = (
    "dockerflow",
    "asgi-correlation-id",
    "python-json-logger",
    "structlog",
    "django-health-check",
    "orjson",
    "Django",
    "fastapi",
    "Flask",
    "sanic",
    "starlette",
    "gunicorn",
    "uvicorn",
    "httptools",
    "uvloop",
)

INTRODUCTION = """\
# Benchmarks

`nox -s bench` measures all figures in one run and writes this page.

A run has many short rounds. Each round calls every candidate. A figure is the median
of the rounds; the number after ± is half the distance between the quartiles. A ratio is
the median of the ratios within rounds. Over the wire, a ratio compares ours with bare.

In process, a figure is the processor time of all threads. If a row has a bare
application, the other figures are the time that a package *adds* to it. If the row
names no handler, both packages log to a `logging.StreamHandler` on the null device,
each with its own `MozlogFormatter`.

Over the wire, the page of a framework shows twenty articles from an SQLite database in
a template. The page without a query shows articles from memory. The bare application of
lbheartbeat answers with the same bytes.
"""


@dataclasses.dataclass(frozen=True)
class Bound:
    """A bound of a figure.

    Attributes:
        limit: the highest allowed figure.
        least: whether the limit is the lowest allowed figure instead.
        unit: the unit of the limit; a ratio has none.
    """

    limit: float
    least: bool = False
    unit: str = ""

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.limit:g} {self.unit}".rstrip()

    def holds(self, value: float) -> bool:
        """Return whether a figure keeps the bound."""
        return value >= self.limit if self.least else value <= self.limit


def either(limit: float, without_orjson: float) -> Bound:
    """Return the bound of this process, which has orjson or not."""
    return Bound(limit if encoding.orjson is not None else without_orjson)


LBHEARTBEAT = Bound(0.97, least=True)
PAGE = Bound(0.95, least=True)

# The goals of the project, by measure.
BOUNDS = {
    "ASGI, a summary written": either(0.45, 0.55),
    "ASGI, the summary logger disabled": Bound(0.65),
    "Flask, a summary written": either(0.60, 0.65),
    "Django, sync, a summary written": Bound(0.40),
    "Django, async, a summary written": Bound(0.20),
    "Sanic, a summary written": Bound(0.95),
    "format of a summary": either(0.45, 0.85),
    "format of any other record with the same fields": either(0.45, 0.85),
    "import dockerflow_mw, beyond python -c pass": Bound(15, unit="ms"),
    "Uvicorn, lbheartbeat, throughput": LBHEARTBEAT,
    "Gunicorn, lbheartbeat, throughput": LBHEARTBEAT,
    "Uvicorn, a page of FastAPI, throughput": PAGE,
    "Gunicorn, a page of Flask, throughput": PAGE,
}


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the table, with the texts of its cells.

    Attributes:
        measure: the name of the measure.
        bare: the figure of the application without middleware.
        ours: the figure of this package.
        theirs: the figure of another package.
        beside: the name of the other package.
        ratio: the ratio of ours to theirs.
        to_show: the bound.
        holds: ``yes`` or ``no``; empty without a bound.
    """

    measure: str
    bare: str = ""
    ours: str = ""
    theirs: str = ""
    beside: str = ""
    ratio: str = ""
    to_show: str = ""
    holds: str = ""

    def judged(self, ratios: Sequence[float], bound: Bound | None) -> Row:
        """Return the row with the median of ratios, compared with a bound."""
        ratio = statistics.median(ratios)
        row = dataclasses.replace(self, ratio=f"{ratio:.3f}")
        return row if bound is None else row.bounded(ratio, bound)

    def bounded(self, figure: float, bound: Bound) -> Row:
        """Return the row with a bound, and whether a figure keeps it."""
        holds = "yes" if bound.holds(figure) else "no"
        return dataclasses.replace(self, to_show=str(bound), holds=holds)


HEADINGS = Row("measure", *(f.name for f in dataclasses.fields(Row)[1:]))
HEADINGS = dataclasses.replace(HEADINGS, to_show="bound")

_WIDTHS = (60, 18, 18, 18, 20, 7, 8, 5)


def line(row: Row) -> str:
    """Return a row as a line of text."""
    cells = zip(dataclasses.astuple(row), _WIDTHS, strict=True)
    return " ".join(f"{cell:<{width}}" for cell, width in cells).rstrip()


def page(sections: Mapping[str, Iterable[Row]]) -> str:
    """Return the page of the documentation, in Markdown."""
    parts = [INTRODUCTION, "## Measured on\n", _listed(machine())]
    for title, rows in sections.items():
        parts += [f"## {title}\n", _markdown(rows)]
    return "\n".join(parts)


def machine() -> dict[str, str]:
    """Return the processor, the system, and the versions of Python and packages."""
    found = {
        "processor": f"{_processor()}, {os.cpu_count()} CPUs",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "dockerflow-mw": metadata.version("dockerflow-mw"),
    }
    for package in PACKAGES:
        name = "python-dockerflow" if package == "dockerflow" else package
        try:
            found[name] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    found["load generator"] = "wrk" if shutil.which("wrk") else "Python"
    return found


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or sys.platform
    named = (line for line in text.splitlines() if line.startswith("model name"))
    return next(named, ":unknown").partition(":")[2].strip()


def _listed(items: Mapping[str, str]) -> str:
    return "".join(f"- {name}: {value}\n" for name, value in items.items())


def _markdown(rows: Iterable[Row]) -> str:
    lines = [dataclasses.astuple(HEADINGS), ("---",) * len(_WIDTHS)]
    lines += [dataclasses.astuple(row) for row in rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
