"""The table: its rows, what they are to show, and what they were measured on."""

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

Written by `nox -s bench`, which measures all of this in one run.

Candidates are called in turn, in many short rounds. A figure is the median of the
rounds, and behind ± is half the distance between their quartiles. A ratio is the median
of the ratios within rounds, over the wire that of ours to bare.

In process, figures are processor time, of all threads. Where there is a bare
application, those of the others are what they *add* to it. Both packages log to a
`logging.StreamHandler` on the null device with the `MozlogFormatter` that each has,
unless something else is said.

Over the wire, a page of a framework shows twenty articles from an SQLite database in a
template; without a query, the articles are there already. lbheartbeat is beside an
application that answers the same bytes.
"""


@dataclasses.dataclass(frozen=True)
class Bound:
    """What a ratio is to show.

    Attributes:
        limit: the ratio.
        least: whether it is to be reached, and not to be exceeded.
    """

    limit: float
    least: bool = False

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.limit:g}"

    def holds(self, value: float) -> bool:
        """Tell whether a value is as it is to be."""
        return value >= self.limit if self.least else value <= self.limit


def either(limit: float, without_orjson: float) -> Bound:
    """Give what is to be shown with orjson or without it, as the case is."""
    return Bound(limit if encoding.orjson is not None else without_orjson)


@dataclasses.dataclass(frozen=True)
class Row:
    """One measure, in words as they are shown.

    Attributes:
        measure: what was measured.
        bare: the figure of an application that nothing is in front of.
        ours: the figure of this package.
        theirs: the figure of another package.
        beside: the name of that package.
        ratio: ours in relation to theirs.
        to_show: what the ratio is to show.
        holds: ``yes`` or ``no``, and nothing where there is nothing to show.
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
        """Give the row with its ratio, and whether that is as it is to be."""
        ratio = statistics.median(ratios)
        judged = dataclasses.replace(self, ratio=f"{ratio:.3f}")
        if bound is None:
            return judged
        holds = "yes" if bound.holds(ratio) else "no"
        return dataclasses.replace(judged, to_show=str(bound), holds=holds)


HEADINGS = Row("measure", *(f.name for f in dataclasses.fields(Row)[1:]))
HEADINGS = dataclasses.replace(HEADINGS, to_show="to show")

_WIDTHS = (60, 18, 18, 18, 20, 7, 8, 5)


def line(row: Row) -> str:
    """Give a row as it is printed."""
    cells = zip(dataclasses.astuple(row), _WIDTHS, strict=True)
    return " ".join(f"{cell:<{width}}" for cell, width in cells).rstrip()


def page(sections: Mapping[str, Iterable[Row]]) -> str:
    """Give the page of the documentation."""
    parts = [INTRODUCTION, "## Measured on\n", _listed(machine())]
    for title, rows in sections.items():
        parts += [f"## {title}\n", _markdown(rows)]
    return "\n".join(parts)


def machine() -> dict[str, str]:
    """Give what was measured on: the processor, Python, and the packages."""
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
