"""The server processes of the demo."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parent
ASGI = ("uvicorn", "asgi_app:application", "--port=0", "--no-access-log")
WSGI = ("gunicorn", "wsgi_app:application", "--bind=127.0.0.1:0", "--no-control-socket")
SERVERS = {"Uvicorn (ASGI)": ASGI, "Gunicorn (WSGI)": WSGI}

# The timeout of each step, in seconds.
TIMEOUT = 20


class DemoError(Exception):
    """The demo failed; the text is one sentence."""


class Log:
    """A queue of the JSON lines of both servers."""

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[str | DemoError] = queue.SimpleQueue()
        self.add = self._lines.put

    def next(self, timeout: float | None = None) -> str:
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            raise DemoError(f"No server logged a line in {timeout} seconds.") from None
        if isinstance(line, DemoError):
            raise line
        return line

    def until_summary(self) -> Iterator[dict[str, Any]]:
        """Yield the records of one request. The summary is the last."""
        record: dict[str, Any] = {}
        while record.get("Type") != "request.summary":
            record = json.loads(self.next(TIMEOUT))
            yield record


class Server:
    """A server process. Its output holds its address and its log lines."""

    def __init__(self, name: str, folder: Path, log: Log) -> None:
        self.name = name
        self.address = ""
        self._log = log
        self._other_lines: deque[str] = deque(maxlen=40)
        self._up_or_ended = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, "-m", *SERVERS[name]],
            cwd=folder,
            env=environment(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            if line.startswith("{"):
                self._log.add(line)
                continue
            self._other_lines.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                self.address = found[0]
                self._up_or_ended.set()
        self._up_or_ended.set()
        output = "".join(self._other_lines)
        self._log.add(DemoError(f"{self.name} ended by itself; its output:\n{output}"))

    def wait_until_up(self) -> None:
        self._up_or_ended.wait(TIMEOUT)
        if not self.address:
            # If the server ended, the next entry is its DemoError.
            self._log.next(TIMEOUT)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(TIMEOUT)


def environment(folder: Path) -> dict[str, str]:
    # DOCKERFLOW_* variables of the user would change the responses.
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DOCKERFLOW_")}
    return kept | {
        "PYTHONPATH": str(EXAMPLES),
        "DEMO_DATABASE": str(folder / "books.sqlite"),
        "DOCKERFLOW_ERROR_ENDPOINT": "true",
    }


@contextlib.contextmanager
def running_servers(folder: Path, log: Log) -> Iterator[list[Server]]:
    with contextlib.ExitStack() as stack:
        servers = []
        for name in SERVERS:
            servers.append(Server(name, folder, log))
            stack.callback(servers[-1].stop)
        for server in servers:
            server.wait_until_up()
        yield servers
