"""Lines for readers that stop, and beside processes that stop, end or fork."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from dockerflow_mw.logging import MozlogFormatter, MozlogHandler, turns
from tests.test_handler import BOUND, BUFFERED, fill

WORKER = """
import logging, os, sys, threading, time
from dockerflow_mw.logging import MozlogFormatter, MozlogHandler
handler = MozlogHandler()
handler.setFormatter(MozlogFormatter(max_bytes=0))
logger = logging.getLogger("worker")
logger.addHandler(handler)
answers = int(sys.argv[1])
def log(size):
    logger.warning("x" * size)
os.write(answers, b"ready\\n")
for line in sys.stdin:
    before = time.monotonic()
    exec(line)
    took = time.monotonic() - before
    os.write(answers, f"{handler.dropped} {took}\\n".encode())
"""

LONG = 200_000  # more than a pipe holds


class Worker:
    """A process that logs on demand."""

    def __init__(self, stdout: int, stderr: int | None = None) -> None:
        reading, writing = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(writing)],
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=subprocess.DEVNULL if stderr is None else stderr,
            pass_fds=[writing],
            env=BUFFERED,
            text=True,
        )
        os.close(writing)
        self._answers = os.fdopen(reading)
        assert self._answers.readline() == "ready\n"

    def do(self, code: str) -> int:
        """Run a line of code; give how many records have been dropped so far."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{code}\n")
        self.process.stdin.flush()
        dropped, took = self._answers.readline().split()
        assert float(took) < turns.PATIENCE * 5  # as the machine may be slow
        return int(dropped)

    def log(self, size: int) -> None:
        """Log until a record is not dropped, as the reader has begun to read."""
        before, dropped = -1, self.do("pass")
        while dropped != before:
            before, dropped = dropped, self.do(f"log({size})")

    def end(self, by: int = signal.SIGTERM) -> None:
        """End the process and all that leads to it."""
        self.process.send_signal(by)
        self.process.wait(BOUND)
        assert self.process.stdin is not None
        self.process.stdin.close()
        self._answers.close()


class Pipe:
    """A pipe that nobody reads yet."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.lines: queue.Queue[bytes] = queue.Queue()

    def read_on(self) -> None:
        """Read until the end, in the background."""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        with open(self.reading, "rb", closefd=False) as pipe:
            for line in pipe:
                self.lines.put(line)

    def message(self, skip: bytes = b"") -> str:
        """Give the message of the next line that is one, without what filled it."""
        line = self.lines.get(timeout=BOUND).lstrip(skip)
        while skip and line.startswith(b"dockerflow_mw: "):
            line = self.lines.get(timeout=BOUND).lstrip(skip)
        return str(json.loads(line)["Fields"]["msg"])


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A pipe that is read to its end when all who write have ended."""
    pipe = Pipe()
    yield pipe
    with contextlib.suppress(OSError):
        os.close(pipe.writing)
    if hasattr(pipe, "_thread"):
        pipe._thread.join(BOUND)
    os.close(pipe.reading)


@contextlib.contextmanager
def workers(*made: Worker) -> Iterator[tuple[Worker, ...]]:
    """End workers when the block ends."""
    try:
        yield made
    finally:
        for worker in made:
            worker.end(signal.SIGKILL)


def test_a_full_pipe_that_is_stderr_as_well_hangs_nobody(pipe: Pipe) -> None:
    fill(pipe.writing)
    with workers(Worker(pipe.writing, pipe.writing)) as (worker,):
        assert worker.do("log(100)") == 1
        assert worker.do("log(100)") == 2
        pipe.read_on()
        worker.log(50)
        assert pipe.message(skip=b"x") == "x" * 50


def test_the_complaint_comes_when_stderr_is_read_again(pipe: Pipe) -> None:
    silent_reading, silent = os.pipe()
    fill(pipe.writing)
    fill(silent)
    with workers(Worker(silent, pipe.writing)) as (worker,):
        assert worker.do("log(100)") == 1
        pipe.read_on()
        # Until what fills stderr has been read, which ends in no newline.
        for count in range(2, 1000):
            assert worker.do("log(100)") == count
            with contextlib.suppress(queue.Empty):
                assert b"Log records are lost" in pipe.lines.get(timeout=0.05)
                break
        else:
            pytest.fail("no complaint")
        worker.end()
        os.close(pipe.writing)
    os.close(silent)
    os.close(silent_reading)


def test_what_is_printed_waits_no_longer_than_a_record(pipe: Pipe) -> None:
    with workers(Worker(pipe.writing)) as (worker,):
        fill(pipe.writing)
        os.read(pipe.reading, 4096)  # room for some of it
        worker.do("sys.stdout.write('p' * 8000 + '\\n')")
        assert worker.do("log(10)") == 1
        pipe.read_on()
        worker.log(10)
        assert pipe.lines.get(timeout=BOUND).endswith(b"x" + b"p" * 8000 + b"\n")
        assert pipe.message() == "x" * 10


def test_who_prints_to_a_full_pipe_keeps_no_other_thread(pipe: Pipe) -> None:
    with workers(Worker(pipe.writing)) as (worker,):
        worker.do("printer = threading.Thread(target=print, args=['p' * 300_000])")
        worker.do("printer.daemon = True; printer.start()")
        worker.do("from dockerflow_mw.logging.descriptor import is_writable")
        worker.do("[None for _ in iter(lambda: is_writable(1, 0), False)]")
        assert worker.do("log(10)") == 1


@pytest.mark.parametrize("kind", ["a pipe", "a named pipe"])
def test_the_rest_of_a_line_needs_no_further_record(
    kind: str, pipe: Pipe, tmp_path: Any
) -> None:
    if kind == "a named pipe":
        os.close(pipe.reading)
        os.close(pipe.writing)
        os.mkfifo(tmp_path / "pipe")
        pipe.reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        pipe.writing = os.open(tmp_path / "pipe", os.O_WRONLY)
        os.set_blocking(pipe.reading, True)
    with workers(Worker(pipe.writing), Worker(pipe.writing)) as (first, second):
        os.close(pipe.writing)
        assert first.do(f"log({LONG})") == 1
        assert second.do("log(100)") == 1
        pipe.read_on()
        assert pipe.message() == "x" * LONG  # while the first does nothing
        second.log(100)
        assert pipe.message() == "x" * 100
        first.log(50)
        assert pipe.message() == "x" * 50


@pytest.mark.skipif(not hasattr(fcntl, "F_SETSIG"), reason="this is not Linux")
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_half_a_line_of_a_process_that_is_gone_spoils_no_other(
    by: int, pipe: Pipe
) -> None:
    with workers(Worker(pipe.writing), Worker(pipe.writing)) as (first, second):
        os.close(pipe.writing)
        first.do(f"log({LONG})")
        first.end(by)
        pipe.read_on()
        second.log(100)
        second.log(50)
        assert b"Timestamp" in pipe.lines.get(timeout=BOUND)  # half of a line
        assert pipe.message() == "x" * 100
        assert pipe.message() == "x" * 50


def test_a_process_ends_no_sooner_than_its_line_while_there_is_patience(
    pipe: Pipe,
) -> None:
    with workers(Worker(pipe.writing)) as (worker,):
        os.close(pipe.writing)
        # The rest is not sent in the background, as at an interpreter's end.
        worker.do("threading.Thread.start = lambda self: exec('raise RuntimeError')")
        worker.do(f"log({LONG})")
        pipe.read_on()
        worker.do("handler.close()")
        assert pipe.message() == "x" * LONG


@pytest.mark.skipif(not hasattr(fcntl, "F_SETSIG"), reason="this is not Linux")
def test_a_process_that_is_stopped_stops_no_other(pipe: Pipe) -> None:
    with workers(Worker(pipe.writing), Worker(pipe.writing)) as (first, second):
        os.close(pipe.writing)
        first.do(f"log({LONG})")
        first.process.send_signal(signal.SIGSTOP)
        os.waitpid(first.process.pid, os.WUNTRACED)
        pipe.read_on()
        second.log(100)
        assert b"Timestamp" in pipe.lines.get(timeout=BOUND)  # half of a line
        assert pipe.message() == "x" * 100
        second.log(50)
        assert pipe.message() == "x" * 50
        first.process.send_signal(signal.SIGCONT)
        first.log(60)
        assert pipe.message() == "x" * 60


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_leaves_the_rest_of_a_line_to_its_parent(pipe: Pipe) -> None:
    fork = "pid = os.fork(); pid or (log(10), os._exit(handler.dropped == 1))"
    with workers(Worker(pipe.writing)) as (worker,):
        os.close(pipe.writing)
        worker.do(f"log({LONG})")
        pipe.read_on()
        worker.do(fork)
        worker.do("os.waitpid(pid, 0)")
        worker.log(20)
        received = [pipe.message() for _ in range(3)]
        assert received == ["x" * LONG, "x" * 10, "x" * 20]


def test_who_has_the_turn_and_writes_nothing_is_passed_by(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PATIENCE", 0.2)
    code = (
        "import fcntl; fcntl.lockf(1, fcntl.LOCK_EX); print(file=open(2, 'w'));input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=pipe.writing,
        stderr=subprocess.PIPE,
    ) as holder:
        assert holder.stderr is not None
        assert holder.stderr.readline() == b"\n"
        with os.fdopen(pipe.writing, "w", closefd=False) as stream:
            handler = MozlogHandler(stream)
            for count in range(3):
                handler.handle(logging.makeLogRecord({"msg": f"m{count}"}))
            assert handler.dropped == 0
            fill(pipe.writing)
            handler.handle(logging.makeLogRecord({"msg": "lost"}))
            assert handler.dropped == 1
            handler.close()
        holder.communicate(b"\n")
    os.close(pipe.writing)
    pipe.read_on()
    assert [pipe.message() for _ in range(3)] == ["m0", "m1", "m2"]


def test_records_of_a_signal_handler_are_neither_lost_nor_doubled(pipe: Pipe) -> None:
    pipe.read_on()
    logger = logging.getLogger("interrupted")
    caught: list[int] = []

    def log_signal(*_: Any) -> None:
        caught.append(len(caught))
        logger.info("signal %d", caught[-1])

    before = signal.signal(signal.SIGALRM, log_signal)
    with os.fdopen(pipe.writing, "w", closefd=False) as stream:
        handler = MozlogHandler(stream)
        handler.setFormatter(MozlogFormatter(max_bytes=0))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
            for count in range(1000):
                logger.info("main %d%s", count, "x" * (count % 10) * 10_000)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            logger.removeHandler(handler)
        assert handler.dropped == 0
        handler.close()
    os.close(pipe.writing)
    expected = 1000 + len(caught)
    received = Counter(pipe.message().rstrip("x") for _ in range(expected))
    assert set(received.values()) == {1}
    assert pipe.lines.empty()


def test_two_handlers_of_one_pipe_take_turns(pipe: Pipe) -> None:
    pipe.read_on()
    again = os.dup(pipe.writing)
    with (
        os.fdopen(pipe.writing, "w", closefd=False) as one,
        os.fdopen(again, "w") as two,
    ):
        handlers = [MozlogHandler(stream) for stream in (one, two)]

        def log(handler: MozlogHandler) -> None:
            handler.setFormatter(MozlogFormatter(max_bytes=0))
            for _ in range(100):
                handler.handle(logging.makeLogRecord({"msg": "x" * 100_000}))

        threads = [threading.Thread(target=log, args=[h]) for h in handlers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(BOUND)
        assert [handler.dropped for handler in handlers] == [0, 0]
    os.close(pipe.writing)
    assert {pipe.message() for _ in range(200)} == {"x" * 100_000}


def test_no_caller_waits_twice_for_a_reader_that_has_stopped(pipe: Pipe) -> None:
    fill(pipe.writing)
    with workers(Worker(pipe.writing)) as (worker,):
        assert worker.do("log(10)") == 1
        started = time.monotonic()
        assert worker.do("[log(10) for _ in range(1000)]") == 1001
        assert time.monotonic() - started < BOUND
