"""The servers of the demo, as processes of their own."""

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

# Seconds; more than anything here takes, for what would never come.
PATIENCE = 20


class DemoError(Exception):
    """Something was not as it had to be; the text is one sentence."""


class Log:
    """The JSON lines of both servers, in the order of their arrival."""

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
        """Give the records of one exchange, of which the summary is the last."""
        record: dict[str, Any] = {}
        while record.get("Type") != "request.summary":
            record = json.loads(self.next(PATIENCE))
            yield record


class Server:
    """A server process, whose address and log are read from what it prints."""

    def __init__(self, name: str, folder: Path, log: Log) -> None:
        self.name = name
        self.address = ""
        self._log = log
        self._noise: deque[str] = deque(maxlen=40)
        self._settled = threading.Event()
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
            self._noise.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                self.address = found[0]
                self._settled.set()
        self._settled.set()
        said = "".join(self._noise)
        self._log.add(DemoError(f"{self.name} ended by itself; it said:\n{said}"))

    def wait_until_up(self) -> None:
        self._settled.wait(PATIENCE)
        if not self.address:
            # What the server said on its way out, if it is out, is next.
            self._log.next(PATIENCE)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(PATIENCE)


def environment(folder: Path) -> dict[str, str]:
    # Settings that are in force here could make other answers than the expected.
    own = {k: v for k, v in os.environ.items() if not k.startswith("DOCKERFLOW_")}
    return own | {
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
