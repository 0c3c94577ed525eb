"""Server processes on free ports of the loopback interface."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

PROJECT = Path(__file__).parents[1]

STARTS_WITHIN = 60.0
ANSWERS_WITHIN = 30.0
STOPS_WITHIN = 30.0

# The lengths of the messages that `tests.chatty` logs, in characters.
SIZES = (100, 5_000, 20_000, 100_000)


def missing(modules: Sequence[str]) -> str | None:
    """Return the first module that is not installed, or None.

    Args:
        modules: the names, each package before its submodules.
    """
    return next(
        (name for name in modules if importlib.util.find_spec(name) is None), None
    )


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def poll(condition: Callable[[], bool], within: float) -> bool:
    """Wait for a condition, and return whether it holds.

    Args:
        condition: the function to call again and again.
        within: the longest time to wait, in seconds.
    """
    deadline = time.monotonic() + within
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds


def records(lines: Sequence[str]) -> list[dict[str, Any]]:
    """Return the JSON objects of the lines that start with a brace."""
    return [json.loads(line) for line in lines if line.startswith("{")]


@dataclasses.dataclass
class Server:
    """A server process.

    Attributes:
        url: the URL of the server.
        folder: the working directory, which also holds the output.
        process: the process.
        stopped: whether the process ended by itself after SIGTERM.
    """

    url: str
    folder: Path
    process: subprocess.Popen[bytes]
    stopped: bool = False

    def output(self, stream: str = "stdout") -> list[str]:
        """Return the lines that the process and its children wrote."""
        return (self.folder / stream).read_text().splitlines()

    def wait_until_it_answers(self) -> None:
        """Wait until the server responds.

        Raises:
            RuntimeError: the process ended, or the server does not respond in time.
        """
        settled = poll(lambda: self._is_gone() or self._answers(), STARTS_WITHIN)
        if not settled or self._is_gone():
            output = "\n".join([*self.output(), *self.output("stderr")])
            raise RuntimeError(f"The server does not respond:\n{output}")

    def _answers(self) -> bool:
        try:
            httpx.get(f"{self.url}/__lbheartbeat__", timeout=5, trust_env=False)
        except httpx.TransportError:
            return False
        return True

    def _is_gone(self) -> bool:
        return self.process.poll() is not None

    def stop(self) -> None:
        """Stop the process as container runtimes do: SIGTERM, later SIGKILL."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOPS_WITHIN)
            self.stopped = True
        self._kill()
        self.process.wait()

    def _kill(self) -> None:
        # A killed parent leaves its workers running, so kill the process group.
        with contextlib.suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DOCKERFLOW_")}
    return {**kept, "PYTHONPATH": str(PROJECT)}


@contextlib.contextmanager
def serving(command: Sequence[str], folder: Path) -> Iterator[Server]:
    """Run a server in a folder until the block ends.

    Args:
        command: the command line; ``{port}`` is replaced by the port.
        folder: the working directory, which also holds the output.
    """
    port = free_port()
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = subprocess.Popen(
            [argument.format(port=port) for argument in command],
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    server = Server(f"http://127.0.0.1:{port}", folder, process)
    try:
        server.wait_until_it_answers()
        yield server
    finally:
        server.stop()
