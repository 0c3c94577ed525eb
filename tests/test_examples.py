"""The examples run, and the demo prints the expected responses and records."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from tests.doors import BareASGI, BareWSGI, Door

EXAMPLES = Path(__file__).parents[1] / "examples"
ENDS_WITHIN = 120


@contextlib.contextmanager
def started_demo(
    *arguments: str, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, EXAMPLES / "demo.py", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
        # A new process group, to find processes that the demo leaves running.
        start_new_session=True,
    ) as demo:
        try:
            yield demo
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(demo.pid, signal.SIGKILL)


def wait_for(demo: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Return the exit status, stdout and stderr. No process may keep running."""
    out, err = demo.communicate(timeout=ENDS_WITHIN)
    with pytest.raises(ProcessLookupError):
        os.killpg(demo.pid, 0)
    return demo.returncode, out, err


def run_demo(**environment: str) -> tuple[int, str, str]:
    with started_demo(**environment) as demo:
        return wait_for(demo)


def test_the_demo_shows_a_missing_and_a_restored_database_on_both_servers() -> None:
    status, out, err = run_demo()

    assert (status, err) == (0, "")
    heartbeats = re.findall(
        r"^GET \S+/__heartbeat__  (\w+) .*\n +(\d+)", out, re.MULTILINE
    )
    assert heartbeats == [
        (server, code)
        for code in ("200", "500", "200")
        for server in ("Uvicorn", "Gunicorn")
    ]


def test_the_demo_prints_the_log_records_of_each_request() -> None:
    _, out, _ = run_demo()

    requests = re.findall(r"^([A-Z]+) http://[^/]+(\S+)  ", out, re.MULTILINE)
    lines = re.findall(r"^  log: (.*)", out, re.MULTILINE)
    records = [json.loads(line) for line in lines]
    summaries = [r["Fields"] for r in records if r["Type"] == "request.summary"]
    assert [(s["method"], s["path"]) for s in summaries] == requests
    assert len(requests) == 22


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            "--env=DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE=503",
            r"The status of GET \S+/__heartbeat__ is 503 instead of 500\.\n",
            id="an unexpected response",
        ),
        pytest.param(
            "--worker-class=nonsense",
            r"Gunicorn \(WSGI\) ended by itself; its output:\n.*nonsense.*",
            id="a server that does not start",
        ),
    ],
)
def test_the_demo_fails_with_a_message(arguments: str, message: str) -> None:
    status, _, err = run_demo(GUNICORN_CMD_ARGS=arguments)

    assert status == 1
    assert re.fullmatch(f"The demo failed: {message}", err, re.DOTALL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_demo_serves_until_a_signal_stops_it(number: signal.Signals) -> None:
    with started_demo("--serve") as demo:
        assert demo.stdout is not None
        lines = [demo.stdout.readline(), demo.stdout.readline()]
        addresses = re.findall(r"http://\S+", "".join(lines))
        statuses = [status_of(f"{url}/__lbheartbeat__") for url in addresses]
        demo.send_signal(number)
        status, out, err = wait_for(demo)

    assert statuses == [200, 200]
    assert (status, err) == (0, "")
    assert out.endswith("Both servers are stopped.\n")


def status_of(url: str) -> int:
    return httpx.get(url, timeout=ENDS_WITHIN, trust_env=False).status_code


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "books.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE books (title TEXT)")
        connection.execute("INSERT INTO books VALUES ('Emma')")
        connection.commit()
    monkeypatch.setenv("DEMO_DATABASE", str(path))
    return path


@pytest.fixture
def _logging() -> Iterator[None]:
    """Restore the root logger after `configure_logging`."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def imported(name: str) -> ModuleType:
    """Return a new module of an example."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def door_of(door_class: type[Door], application: Any) -> Door:
    """Return a door that serves an application."""
    door = door_class()
    door.application = door.served = application
    return door


@pytest.mark.usefixtures("_logging")
@pytest.mark.parametrize(
    ("name", "door_class"), [("asgi_app", BareASGI), ("wsgi_app", BareWSGI)]
)
def test_an_example_reads_and_checks_its_database(
    name: str,
    door_class: type[Door],
    database: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    door = door_of(door_class, imported(name).application)

    assert door.ask("/").body == b"Emma"
    assert door.ask("/__heartbeat__").status == 200
    database.write_bytes(b"not a database")
    assert door.ask("/__heartbeat__").status == 500
    assert door.ask("/__lbheartbeat__").status == 200

    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    codes = [r["Fields"]["code"] for r in records if r["Type"] == "request.summary"]
    assert codes == [200, 200, 500, 200]
