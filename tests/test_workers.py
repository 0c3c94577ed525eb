"""Lines of several workers of a real server on one pipe."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.chatty import SIZES
from tests.servers import PROJECT, Server, free_port

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


@pytest.mark.parametrize("name", COMMANDS)
def test_workers_tear_and_lose_nothing(name: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    port = free_port()
    arguments = [argument.format(port=port) for argument in COMMANDS[name]]
    with (tmp_path / "stderr").open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", name, *arguments],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=err,
            start_new_session=True,
        )
    (tmp_path / "stdout").touch()
    server = Server(f"http://127.0.0.1:{port}", tmp_path, process)
    lines: list[bytes] = []
    assert process.stdout is not None
    reader = threading.Thread(target=lines.extend, args=(process.stdout,))
    reader.start()
    try:
        server.wait_until_it_answers()
        with ThreadPoolExecutor(8) as pool:
            urls = [f"{server.url}/{number}" for number in range(REQUESTS)]
            assert {r.status_code for r in pool.map(httpx.get, urls)} == {200}
    finally:
        server.stop()
        reader.join(60)
        process.stdout.close()
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
