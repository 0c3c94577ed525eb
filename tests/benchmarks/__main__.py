"""Runs the benchmarks: all of them, or those of the topics that are named.

All of them, in full, are written to ``docs/benchmarks.md`` as well.
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
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks import WITHOUT_ORJSON
from tests.benchmarks.measure import QUICK, Effort
from tests.benchmarks.table import HEADINGS, Row, line, page

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"

TOPICS = {
    "requests": "Requests, in process",
    "lines": "Log lines",
    "heartbeat": "Heartbeats",
    "startup": "Start-up",
    "wire": "Over the wire",
}

# Those that have other figures where orjson cannot be imported.
ENCODED = ("requests", "lines")


def main() -> None:
    """Measure, and print and write the table."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks", description=__doc__)
    parser.add_argument("topics", nargs="*", metavar="topic", help=", ".join(TOPICS))
    parser.add_argument("--quick", action="store_true", help="try whether it runs")
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
    if not arguments.topics and not arguments.quick:
        PAGE.write_text(page(sections))


def measured(topics: list[str], effort: Effort) -> dict[str, list[Row]]:
    """Measure topics, print their rows, and give them by what is over them."""
    sections = {}
    print(line(HEADINGS), flush=True)
    for topic in topics:
        sections[TOPICS[topic]] = shown(TOPICS[topic], rows(topic, effort))
        if topic in ENCODED:
            title = f"{TOPICS[topic]}, without orjson"
            sections[title] = shown(title, rows_without_orjson(topic, effort))
    return sections


def shown(title: str, rows: Iterator[Row]) -> list[Row]:
    """Print rows as they come, and give them."""
    print(f"\n{title}", flush=True)
    kept = []
    for row in rows:
        print(line(row), flush=True)
        kept.append(row)
    return kept


def rows(topic: str, effort: Effort) -> Iterator[Row]:
    """Measure a topic."""
    module = importlib.import_module(f"tests.benchmarks.{topic}")
    yield from module.rows(effort)


def rows_without_orjson(topic: str, effort: Effort) -> Iterator[Row]:
    """Measure a topic in a process where orjson cannot be imported."""
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
