"""The benchmarks run, and their table has its rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.benchmarks import WITHOUT_ORJSON
from tests.servers import missing

PEERS = (
    *("asgi_correlation_id", "dockerflow", "health_check"),
    *("pythonjsonlogger", "structlog"),
)
pytestmark = pytest.mark.skipif(
    missing(PEERS) is not None, reason=f"{missing(PEERS)} is not installed"
)

BOUND = [
    "ASGI, a summary written",
    "ASGI, the summary logger disabled",
    "Flask, a summary written",
    "Django, sync, a summary written",
    "Django, async, a summary written",
    "format of a summary",
]


def rows(*topics: str, **environment: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-W", "error", "-m", "tests.benchmarks", *topics]
    done = subprocess.run(
        [*command, "--quick", "--json"],
        capture_output=True,
        check=True,
        env={**os.environ, **environment},
        text=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_all_that_is_to_be_shown_is_measured() -> None:
    shown = [row["measure"] for row in rows("requests", "lines") if row["to_show"]]
    assert list(dict.fromkeys(shown)) == BOUND


def test_that_other_figures_are_to_be_shown_without_orjson() -> None:
    beside = {row["beside"]: row["to_show"] for row in rows("lines")}
    without = rows("lines", **{WITHOUT_ORJSON: "yes"})
    other = {row["beside"]: row["to_show"] for row in without}
    assert beside["python-json-logger, orjson"] == "≤ 0.8"
    assert "python-json-logger, orjson" not in other
