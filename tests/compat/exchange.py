"""Runs one service with one of the two packages and prints its exchanges as JSON.

    python -m tests.compat.exchange flask dockerflow

Each run has its own process: both packages use the same loggers, and some frameworks
can be configured only once. An exchange is a request, its response, and the log records
of the request. The package's own formatter formats the records.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

VERSION = {
    "source": "https://github.com/example/service",
    "version": "1.2.3",
    "commit": "0123456789abcdef",
    "build": None,
    "image_tag": "latest",
}


class Asked(NamedTuple):
    """A request."""

    method: str
    path: str
    headers: Mapping[str, str]

    def __str__(self) -> str:
        named = "".join(f" {name}:{value}" for name, value in self.headers.items())
        return f"{self.method} {self.path}{named}"


class Answer(NamedTuple):
    """The response that the client received."""

    status: int
    headers: Mapping[str, str]
    body: bytes


# The headers of each request.
HEADERS = {
    "User-Agent": "compat/1.0",
    "Accept-Language": "de,en;q=0.5",
    "X-Request-ID": "0123456789abcdef0123456789abcdef",
}


def asked(path: str, method: str = "GET", **headers: str) -> Asked:
    """Return a request with further headers."""
    return Asked(method, path, headers)


REQUESTS = (
    asked("/"),
    asked("/?q=a%20b&page=2"),
    asked("/", "HEAD"),
    asked("/", "POST"),
    asked("/missing"),
    asked("/teapot"),
    asked("/unavailable"),
    asked("/boom"),
    asked("/stream"),
    asked("/__version__"),
    asked("/__version__", "HEAD"),
    asked("/__version__", "POST"),
    asked("/__version__/"),
    asked("/__heartbeat__"),
    asked("/__heartbeat__", "HEAD"),
    asked("/__heartbeat__/"),
    asked("/__lbheartbeat__"),
    asked("/__lbheartbeat__", "HEAD"),
    asked("/__lbheartbeat__", "POST"),
    asked("/__lbheartbeat__/"),
    asked("/__error__"),
)


def register(checks: Any) -> None:
    """Register checks with the module ``checks`` of a package."""

    @checks.register
    def fine() -> list[Any]:
        return []

    @checks.register(name="cache.warm")
    def lukewarm() -> list[Any]:
        return [checks.Warning("The cache is lukewarm.", id="compat.W001")]

    @checks.register(name="queue")
    def stuck() -> list[Any]:
        return [checks.Error("The queue is stuck.", hint="Kick it.", id="compat.E001")]


class _Records(logging.Handler):
    def __init__(self, package: str) -> None:
        super().__init__()
        module = importlib.import_module(f"{package}.logging")
        self.addFilter(module.RequestIdLogFilter())
        self.setFormatter(module.JsonLogFormatter(logger_name="compat"))
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))

    def take(self) -> list[dict[str, Any]]:
        lines, self.lines = self.lines, []
        return lines


def exchanges(framework: str, package: str) -> list[dict[str, Any]]:
    """Send all requests to a service, and return the exchanges."""
    project = importlib.import_module(f"tests.compat.projects.{framework}")
    root, records = logging.getLogger(), _Records(package)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "version.json").write_text(json.dumps(VERSION))
        ask = project.make(package, Path(folder))
        root.addHandler(records)
        root.setLevel(logging.INFO)
        return [
            {
                "request": str(request),
                "answer": _shown(ask(request.method, request.path, _headers(request))),
                "records": records.take(),
            }
            for request in (*REQUESTS, *project.REQUESTS)
        ]


def _headers(request: Asked) -> dict[str, str]:
    return {**HEADERS, **request.headers}


def _shown(answer: Answer) -> dict[str, Any]:
    text = answer.body.decode("utf-8", "replace")
    headers = {name.lower(): value for name, value in answer.headers.items()}
    try:
        return {"status": answer.status, "headers": headers, "body": json.loads(text)}
    except ValueError:
        return {"status": answer.status, "headers": headers, "body": text}


if __name__ == "__main__":
    print(json.dumps(exchanges(*sys.argv[1:])))
