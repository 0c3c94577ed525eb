"""Run the benchmarks: all topics, or the topics on the command line.

A full run of all topics is written to ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.benchmarks import WITHOUT_ORJSON
from tests.benchmarks.measure import QUICK, Effort
from tests.benchmarks.table import BOUNDS, HEADINGS, Row, line, page

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"

TOPICS = {
    "requests": "Requests, in process",
    "lines": "Log lines",
    "heartbeat": "Heartbeats",
    "startup": "Start-up",
    "wire": "Over the wire",
}

# The topics with other figures if orjson is not installed.
ENCODED = ("requests", "lines")


def main() -> None:
    """Run the benchmarks, and print and write the table."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks", description=__doc__)
    parser.add_argument("topics", nargs="*", metavar="topic", help=", ".join(TOPICS))
    parser.add_argument(
        "--quick", action="store_true", help="run each candidate a few times"
    )
    parser.add_argument("--json", action="store_true", help="print rows as JSON lines")
    arguments = parser.parse_args()
    if unknown := set(arguments.topics) - set(TOPICS):
        parser.error(f"there is no topic {', '.join(sorted(unknown))}")
    effort = QUICK if arguments.quick else Effort()
    topics = arguments.topics or list(TOPICS)
    if arguments.json:
        for row in itertools.chain.from_iterable(rows(t, effort) for t in topics):
            print(json.dumps(dataclasses.asdict(row)), flush=True)
        return
    sections = measured(topics, effort)
    if arguments.topics:
        return
    if not arguments.quick:
        PAGE.write_text(page(sections))
    if lost := lost_bounds(itertools.chain.from_iterable(sections.values())):
        parser.exit(1, f"No row has the bound of: {'; '.join(lost)}\n")


def lost_bounds(rows: Iterable[Row]) -> list[str]:
    """Return the measures whose bound no row has, as after a measure was renamed."""
    return sorted(set(BOUNDS) - {row.measure for row in rows if row.to_show})


def measured(topics: list[str], effort: Effort) -> dict[str, list[Row]]:
    """Run topics, print their rows, and return the rows by heading."""
    sections = {}
    print(line(HEADINGS), flush=True)
    for topic in topics:
        sections[TOPICS[topic]] = shown(TOPICS[topic], rows(topic, effort))
        if topic in ENCODED:
            title = f"{TOPICS[topic]}, without orjson"
            sections[title] = shown(title, rows_without_orjson(topic, effort))
    return sections


def shown(title: str, rows: Iterator[Row]) -> list[Row]:
    """Print rows as they arrive, and return them."""
    print(f"\n{title}", flush=True)
    kept = []
    for row in rows:
        print(line(row), flush=True)
        kept.append(row)
    return kept


def rows(topic: str, effort: Effort) -> Iterator[Row]:
    """Yield the rows of a topic."""
    module = importlib.import_module(f"tests.benchmarks.{topic}")
    yield from module.rows(effort)


def rows_without_orjson(topic: str, effort: Effort) -> Iterator[Row]:
    """Yield the rows of a topic from a process without orjson."""
    command = [sys.executable, "-m", "tests.benchmarks", topic, "--json"]
    if effort == QUICK:
        command.append("--quick")
    with subprocess.Popen(
        command,
        env={**os.environ, WITHOUT_ORJSON: "yes"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for text in process.stdout or ():
            yield Row(**json.loads(text))
    if process.returncode:
        raise SystemExit(process.returncode)


if __name__ == "__main__":
    main()
