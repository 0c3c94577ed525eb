"""Compares the responses and log records of the two packages field by field."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

ABSENT = "(absent)"

# Fields that differ between two runs: times, hosts, processes and tracebacks.
_VOLATILE = (
    *(".Timestamp", ".Pid", ".Hostname", ".Fields.t", ".Fields.traceback"),
    *("header.date", "header.server"),
)


@dataclasses.dataclass(frozen=True)
class Difference:
    """An intended difference.

    Attributes:
        request: a pattern of requests, such as ``"* /__version__*"``.
        field: a pattern of fields, such as ``"status"``, ``"header.allow"``,
            ``"body.checks.x"`` and ``"request.summary.Fields.code"``. A record that
            only one package logs is the field ``"request.summary"``.
        reason: the reason for the difference.
    """

    request: str
    field: str
    reason: str

    def covers(self, found: Found) -> bool:
        """Return whether a difference that was found is this one."""
        same_request = fnmatchcase(found.request, self.request)
        return same_request and fnmatchcase(found.field, self.field)


@dataclasses.dataclass(frozen=True)
class Found:
    """A difference between the two packages."""

    request: str
    field: str
    theirs: Any
    ours: Any

    def __str__(self) -> str:
        return f"{self.request}: {self.field} was {self.theirs!r}, is {self.ours!r}"


def differences(framework: str) -> list[Found]:
    """Run a framework's service with both packages and return the differences."""
    theirs, ours = (_exchanges(framework, p) for p in ("dockerflow", "dockerflow_mw"))
    assert [e["request"] for e in theirs] == [e["request"] for e in ours]
    return [
        Found(was["request"], field, before.get(field, ABSENT), now.get(field, ABSENT))
        for was, is_ in zip(theirs, ours, strict=True)
        for before, now in [(dict(_fields(was)), dict(_fields(is_)))]
        for field in sorted(before.keys() | now.keys())
        if before.get(field, ABSENT) != now.get(field, ABSENT)
    ]


def _exchanges(framework: str, package: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.compat.exchange", framework, package]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, cwd=root, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    answers: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return answers


def _fields(exchange: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    answer = exchange["answer"]
    yield "status", answer["status"]
    yield from _flat("header", answer["headers"])
    yield from _flat("body", answer["body"])
    counts: dict[str, int] = {}
    for record in exchange["records"]:
        kind = record["Type"]
        counts[kind] = counts.get(kind, 0) + 1
        name = kind if counts[kind] == 1 else f"{kind} ({counts[kind]})"
        yield name, "present"
        yield from _flat(name, record)


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    # An empty object yields no field, so only its items differ.
    if not isinstance(value, dict):
        yield prefix, value
        return
    for name, item in value.items():
        path = f"{prefix}.{name}"
        if not path.endswith(_VOLATILE):
            yield from _flat(path, item)
