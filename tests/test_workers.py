"""Lines of several workers of a real server on one pipe."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.servers import PROJECT, SIZES, Server, free_port

REQUESTS = 200

COMMANDS = {
    "gunicorn": ["-w4", "--preload", "-b127.0.0.1:{port}", "tests.chatty:wsgi"],
    "uvicorn": [
        "--workers=4",
        "--no-access-log",
        "--lifespan=off",
        "--port={port}",
        "tests.chatty:asgi",
    ],
}


@contextlib.contextmanager
def serving(name: str, folder: Path) -> Iterator[Server]:
    """Serve with stdout on a pipe until the block ends."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    port = free_port()
    arguments = [argument.format(port=port) for argument in COMMANDS[name]]
    with (folder / "stderr").open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", name, *arguments],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=err,
            start_new_session=True,
        )
    (folder / "stdout").touch()
    server = Server(f"http://127.0.0.1:{port}", folder, process)
    assert process.stdout is not None
    with process.stdout:
        try:
            yield server
        finally:
            server.stop()


def ask(server: Server, requests: int) -> None:
    """Request a number of pages, eight at a time, and check the statuses."""
    with ThreadPoolExecutor(8) as pool:
        urls = [f"{server.url}/{number}" for number in range(requests)]
        get = functools.partial(httpx.get, timeout=60)
        assert {answer.status_code for answer in pool.map(get, urls)} == {200}


@pytest.mark.parametrize("name", COMMANDS)
def test_workers_tear_and_lose_nothing(name: str, tmp_path: Path) -> None:
    lines: list[bytes] = []
    with serving(name, tmp_path) as server:
        reader = threading.Thread(target=lines.extend, args=(server.process.stdout,))
        reader.start()
        server.wait_until_it_answers()
        ask(server, REQUESTS)
        server.stop()
        reader.join(60)
    records = [json.loads(line) for line in lines]
    logged = Counter(
        (r["Fields"]["path"], r["Fields"]["size"])
        for r in records
        if r["Type"] == "chatty" and len(r["Fields"]["msg"]) == r["Fields"]["size"]
    )
    expected = {(f"/{i}", size) for i in range(REQUESTS) for size in SIZES}
    assert logged == dict.fromkeys(expected, 1)
    summaries = [r for r in records if r["Type"] == "request.summary"]
    assert len(summaries) == REQUESTS
    assert len({r["Pid"] for r in summaries}) > 1


@pytest.mark.parametrize("name", COMMANDS)
def test_a_server_answers_although_its_log_is_not_read(
    name: str, tmp_path: Path
) -> None:
    with serving(name, tmp_path) as server:
        server.wait_until_it_answers()
        ask(server, REQUESTS)
        assert httpx.get(f"{server.url}/__lbheartbeat__").status_code == 200
    assert "Log records are lost" in "\n".join(server.output("stderr"))
