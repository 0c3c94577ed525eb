"""The handler on real pipes, files, terminals and sockets, beside other processes."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import io
import json
import logging
import os
import pty
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest

from dockerflow_mw.logging import MozlogFormatter, MozlogHandler
from dockerflow_mw.logging import handler as handler_module

PROCESSES = 8
RECORDS = 2000
BOUND = 120.0
TEXT = "é 日本 😀"
LONG = 200_000  # more than a pipe holds

# PYTHONUNBUFFERED would leave out the buffer that print() fills.
BUFFERED = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}


def record(message: str = TEXT) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": message})


def message_of(line: str | bytes) -> Any:
    return json.loads(line)["Fields"]["msg"]


def fill(descriptor: int) -> None:
    """Write to a pipe until it is full."""
    os.set_blocking(descriptor, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(descriptor, b"x" * 4096)
    os.set_blocking(descriptor, True)


# Processes that write at the same time

WRITER = """
import logging, os, sys
from dockerflow_mw.logging import MozlogFormatter, MozlogHandler
number, size, who, max_bytes = map(int, sys.argv[1:5])
handler = MozlogHandler()
handler.setFormatter(MozlogFormatter(max_bytes=max_bytes))
logger = logging.getLogger("writer")
logger.addHandler(handler)
logger.setLevel("INFO")
if "nobody" in sys.argv[5:]:
    os.setgid(65534)
    os.setuid(65534)
for count in range(number):
    logger.info("x" * size, extra={"who": who, "count": count})
    if "print" in sys.argv[5:]:
        sys.stdout.write("printed\\n")
    if "flush" in sys.argv[5:]:
        sys.stdout.flush()
sys.exit(1 if handler.dropped else 0)
"""


def start(
    stdout: Any, number: int, size: int, who: int, *more: str, max_bytes: int = 0
) -> subprocess.Popen[bytes]:
    """Start a process that logs a number of records with messages of a size."""
    arguments = [str(number), str(size), str(who), str(max_bytes), *more]
    command = [sys.executable, "-c", WRITER, *arguments]
    return subprocess.Popen(
        command, stdout=stdout, stderr=subprocess.PIPE, env=BUFFERED
    )


def finish(writers: list[subprocess.Popen[bytes]]) -> None:
    """Wait for processes, which must have dropped and reported nothing."""
    ends = [(w.communicate(timeout=BOUND)[1], w.returncode) for w in writers]
    assert ends == [(b"", 0)] * len(writers)


def assert_whole(
    lines: Iterator[bytes], size: int, processes: int, number: int
) -> None:
    """Check that the lines are the records of all processes, each record once."""
    seen = Counter[tuple[int, int]]()
    for line in lines:
        fields = json.loads(line)["Fields"]
        assert len(fields["msg"]) == size
        seen[fields["who"], fields["count"]] += 1
    assert len(seen) == seen.total() == processes * number


@pytest.mark.parametrize(
    ("size", "max_bytes"),
    [
        pytest.param(100, 0, id="100 B"),
        pytest.param(5_000, 0, id="5 kB"),
        pytest.param(20_000, 0, id="20 kB"),
        pytest.param(100_000, 0, id="100 kB"),
        pytest.param(100, 4096, id="100 B without the lock"),
        pytest.param(3_500, 4096, id="3.5 kB without the lock"),
    ],
)
def test_processes_on_one_pipe_tear_and_lose_nothing(size: int, max_bytes: int) -> None:
    reading, writing = os.pipe()
    writers = [
        start(writing, RECORDS, size, who, max_bytes=max_bytes)
        for who in range(PROCESSES)
    ]
    os.close(writing)
    with open(reading, "rb") as lines:
        assert_whole(iter(lines), size, PROCESSES, RECORDS)
    finish(writers)


@pytest.mark.parametrize("mode", ["wb", "ab"])
def test_processes_on_one_file_tear_and_lose_nothing(tmp_path: Path, mode: str) -> None:
    file = tmp_path / "log"
    with file.open(mode) as stdout:
        finish([start(stdout, 500, 5_000, who) for who in range(4)])
    with file.open("rb") as lines:
        assert_whole(iter(lines), 5_000, 4, 500)


def test_processes_on_one_named_pipe_tear_and_lose_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(tmp_path / "pipe", os.O_WRONLY)
    os.set_blocking(reading, True)
    writers = [start(writing, 200, 100_000, who) for who in range(3)]
    os.close(writing)
    with open(reading, "rb") as lines:
        assert_whole(iter(lines), 100_000, 3, 200)
    finish(writers)


def test_processes_on_one_socket_tear_and_lose_nothing() -> None:
    ours, theirs = socket.socketpair()
    with ours, ours.makefile("rb") as lines:
        with theirs:
            writers = [start(theirs, 200, 100_000, who) for who in range(3)]
        assert_whole(iter(lines), 100_000, 3, 200)
    finish(writers)


def test_processes_on_one_terminal_tear_and_lose_nothing() -> None:
    controlling, terminal = pty.openpty()
    writers = [start(terminal, 200, 100, who) for who in range(2)]
    os.close(terminal)
    received = b""
    while True:
        try:
            received += os.read(controlling, 65536)
        except OSError:  # The last writer has closed the terminal.
            break
    os.close(controlling)
    assert_whole(iter(received.splitlines()), 100, 2, 200)
    finish(writers)


@pytest.mark.skipif(os.getuid() != 0, reason="Only root can drop privileges.")
def test_processes_with_dropped_privileges_tear_and_lose_nothing() -> None:
    reading, writing = os.pipe()
    os.fchmod(writing, 0o600)
    users = ["nobody", "nobody", "root"]
    writers = [start(writing, 200, 20_000, who, u) for who, u in enumerate(users)]
    os.close(writing)
    with open(reading, "rb") as lines:
        assert_whole(iter(lines), 20_000, 3, 200)
    finish(writers)


def test_prints_overwrite_no_line_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "log"
    with file.open("wb") as stdout:
        finish([start(stdout, 300, 100, who, "print", "flush") for who in range(2)])
    lines = file.read_bytes().splitlines()
    assert lines.count(b"printed") == 600
    records = (line for line in lines if line != b"printed")
    assert_whole(records, 100, 2, 300)


def test_prints_tear_no_line_of_a_pipe() -> None:
    reading, writing = os.pipe()
    writers = [start(writing, 300, 7_000, who) for who in range(2)]
    printing = [start(writing, 300, 100, who, "print") for who in range(2, 4)]
    os.close(writing)
    with open(reading, "rb", buffering=0) as pipe:
        # Reads of less than a line keep the pipe full.
        received = b"".join(iter(lambda: pipe.read(3000), b""))
    lines = received.splitlines()
    assert lines.count(b"printed") == 600
    records = [line for line in lines if line != b"printed"]
    assert_whole((r for r in records if len(r) > 7_000), 7_000, 2, 300)
    assert_whole((r for r in records if len(r) <= 7_000), 100, 2, 300)
    finish(writers + printing)


# Places that cannot be written to

LOGS_THREE = """
import logging, os, sys
from dockerflow_mw.logging import MozlogHandler
exec(sys.argv[1])
handler = MozlogHandler()
logger = logging.getLogger("writer")
logger.addHandler(handler)
logger.setLevel("INFO")
for count in range(3):
    logger.info("x" * 3000)
os.write(2, f"dropped {handler.dropped}".encode())
"""


def log_three(stdout: Any, before: str = "") -> str:
    """Log three records in a process, and return its stderr."""
    command = [sys.executable, "-c", LOGS_THREE, before]
    done = subprocess.run(
        command, stdout=stdout, stderr=subprocess.PIPE, timeout=BOUND, text=True
    )
    # The interpreter exits with 120 if its own flush of stdout fails.
    assert done.returncode in (0, 120)
    return done.stderr


def test_a_closed_reader_costs_records_only() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    reported = log_three(writing)
    os.close(writing)
    assert reported.count("Log records are lost") == 1
    assert "BrokenPipeError" in reported
    assert "dropped 3" in reported


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="There is no /dev/full.")
def test_a_full_disk_costs_records_only() -> None:
    with open("/dev/full", "wb") as full:
        reported = log_three(full)
    assert reported.count("Log records are lost") == 1
    assert "No space left on device" in reported
    assert "dropped 3" in reported


@pytest.mark.parametrize("before", ["sys.stdout.close()", "os.close(1)"])
def test_a_closed_stdout_costs_records_only(before: str) -> None:
    reported = log_three(subprocess.DEVNULL, before)
    assert reported.count("Log records are lost") == 1
    assert "dropped 3" in reported


def test_a_stopped_reader_is_reported() -> None:
    reading, writing = os.pipe()
    fill(writing)
    reported = log_three(writing)
    os.close(writing)
    os.close(reading)
    assert reported.count("Log records are lost") == 1
    assert "the reader has stopped" in reported
    assert "dropped 3" in reported


def test_a_flock_on_the_file_costs_nothing(tmp_path: Path) -> None:
    with (tmp_path / "log").open("ab") as file:
        with (tmp_path / "log").open("ab") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            assert log_three(file) == "dropped 0"
        assert len((tmp_path / "log").read_bytes().splitlines()) == 3


# Readers that stop

WORKER = """
import contextlib, fcntl, logging, os, sys, threading, time
from dockerflow_mw.logging import MozlogFormatter, MozlogHandler, handler as module
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
        """Run a line of code, and return the number of records dropped so far."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{code}\n")
        self.process.stdin.flush()
        dropped, took = self._answers.readline().split()
        assert float(took) < handler_module.MAX_WAIT * 5  # The machine may be slow.
        return int(dropped)

    def log(self, size: int) -> None:
        """Log until a record is not dropped, because the reader has started to read."""
        before, dropped = -1, self.do("pass")
        while dropped != before:
            before, dropped = dropped, self.do(f"log({size})")

    def kill(self) -> None:
        """Kill the process and close the pipes to it."""
        self.process.kill()
        self.process.wait(BOUND)
        assert self.process.stdin is not None
        self.process.stdin.close()
        self._answers.close()


class Pipe:
    """A pipe that is read on demand, in the background."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.lines: queue.Queue[bytes] = queue.Queue()
        self._thread: threading.Thread | None = None

    def read(self) -> None:
        """Read all lines from now on."""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        with open(self.reading, "rb", closefd=False) as pipe:
            for line in pipe:
                self.lines.put(line)

    def message(self, skip: bytes = b"") -> str:
        """Return the next line's message, without the bytes that filled the pipe."""
        line = self.lines.get(timeout=BOUND).lstrip(skip)
        while skip and line.startswith(b"dockerflow_mw: "):
            line = self.lines.get(timeout=BOUND).lstrip(skip)
        return str(message_of(line))

    def close(self) -> None:
        """Close both ends."""
        with contextlib.suppress(OSError):
            os.close(self.writing)
        if self._thread is not None:
            self._thread.join(BOUND)
        os.close(self.reading)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


@contextlib.contextmanager
def working(*made: Worker) -> Iterator[tuple[Worker, ...]]:
    """Kill workers when the block ends."""
    try:
        yield made
    finally:
        for worker in made:
            worker.kill()


def test_a_stopped_reader_is_waited_for_once(pipe: Pipe) -> None:
    fill(pipe.writing)
    with working(Worker(pipe.writing)) as (worker,):
        assert worker.do("log(10)") == 1
        # A wait for each of the records would take a quarter of an hour.
        assert worker.do("[log(10) for _ in range(1000)]") == 1001
        pipe.read()
        worker.log(50)
        assert pipe.message(skip=b"x") == "x" * 50


def test_a_full_pipe_that_is_stderr_as_well_blocks_no_caller(pipe: Pipe) -> None:
    fill(pipe.writing)
    with working(Worker(pipe.writing, pipe.writing)) as (worker,):
        assert worker.do("log(100)") == 1
        assert worker.do("log(100)") == 2
        pipe.read()
        worker.log(50)
        assert pipe.message(skip=b"x") == "x" * 50


def test_the_report_waits_until_stderr_is_read(pipe: Pipe) -> None:
    silent_reading, silent = os.pipe()
    fill(pipe.writing)
    fill(silent)
    with working(Worker(silent, pipe.writing)) as (worker,):
        assert worker.do("log(100)") == 1
        pipe.read()
        for count in range(2, 1000):
            assert worker.do("log(100)") == count
            with contextlib.suppress(queue.Empty):
                assert b"Log records are lost" in pipe.lines.get(timeout=0.05)
                break
        else:
            pytest.fail("There is no report.")
    os.close(silent)
    os.close(silent_reading)


def test_a_lock_that_is_never_released_is_waited_for_once(pipe: Pipe) -> None:
    with working(Worker(pipe.writing), Worker(pipe.writing)) as (holder, worker):
        holder.do("fcntl.lockf(1, fcntl.LOCK_EX)")
        pipe.read()
        assert worker.do("log(10)") == 1
        assert worker.do("[log(10) for _ in range(1000)]") == 1001
        holder.do("fcntl.lockf(1, fcntl.LOCK_UN)")
        assert worker.do("log(20)") == 1001
        assert pipe.message() == "x" * 20
        # After this success the next record waits again.
        unlock = "fcntl.lockf(1, fcntl.LOCK_UN)"
        holder.do("fcntl.lockf(1, fcntl.LOCK_EX)")
        holder.do(f"threading.Timer(0.1, lambda: {unlock}).start()")
        assert worker.do("log(30)") == 1001
        assert pipe.message() == "x" * 30


@pytest.mark.parametrize(
    ("max_bytes", "dropped"),
    [
        (select.PIPE_BUF, 0),
        (select.PIPE_BUF + 1, 1),
        (0, 1),
    ],
)
def test_lines_that_a_pipe_takes_whole_need_no_lock(
    pipe: Pipe, max_bytes: int, dropped: int
) -> None:
    with working(Worker(pipe.writing), Worker(pipe.writing)) as (holder, worker):
        holder.do("fcntl.lockf(1, fcntl.LOCK_EX)")
        worker.do(f"handler.setFormatter(MozlogFormatter(max_bytes={max_bytes}))")
        assert worker.do("log(10)") == dropped


class Interrupt(BaseException):
    """An exception that a signal handler raises."""


@pytest.mark.parametrize("is_interrupted", [False, True])
def test_the_line_after_an_unfinished_one_is_whole(
    pipe: Pipe, is_interrupted: bool
) -> None:
    def interrupt(*_: object) -> None:
        raise Interrupt

    handled = signal.signal(signal.SIGALRM, interrupt)
    try:
        with os.fdopen(pipe.writing, "w", closefd=False) as stream:
            handler = MozlogHandler(stream)
            handler.setFormatter(MozlogFormatter(max_bytes=0))
            if is_interrupted:
                signal.setitimer(signal.ITIMER_REAL, 0.1)
            with contextlib.suppress(Interrupt):
                handler.handle(record("x" * LONG))
            assert handler.dropped == (0 if is_interrupted else 1)
            pipe.read()
            dropped = -1
            while dropped != handler.dropped:
                dropped = handler.dropped
                handler.handle(record("next"))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handled)
    assert b"Timestamp" in pipe.lines.get(timeout=BOUND)
    assert pipe.message() == "next"


# Threads, signal handlers and forks


def test_records_of_a_signal_handler_are_neither_lost_nor_doubled(pipe: Pipe) -> None:
    pipe.read()
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
    os.close(pipe.writing)
    expected = 1000 + len(caught)
    received = Counter(pipe.message().rstrip("x") for _ in range(expected))
    assert set(received.values()) == {1}
    assert pipe.lines.empty()


def test_two_handlers_of_one_pipe_tear_and_lose_nothing(pipe: Pipe) -> None:
    pipe.read()
    again = os.dup(pipe.writing)
    with (
        os.fdopen(pipe.writing, "w", closefd=False) as one,
        os.fdopen(again, "w") as two,
    ):
        handlers = [MozlogHandler(stream) for stream in (one, two)]

        def log(handler: MozlogHandler) -> None:
            handler.setFormatter(MozlogFormatter(max_bytes=0))
            for _ in range(100):
                handler.handle(record("x" * 100_000))

        threads = [threading.Thread(target=log, args=[h]) for h in handlers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(BOUND)
        assert [handler.dropped for handler in handlers] == [0, 0]
    os.close(pipe.writing)
    assert {pipe.message() for _ in range(200)} == {"x" * 100_000}


FORKS = """
import contextlib, fcntl, os, sys, threading
from dockerflow_mw.logging import MozlogHandler, handler as module
import logging
module.MAX_WAIT = 60.0
record = logging.makeLogRecord({"msg": "hello"})
threading.Thread(target=MozlogHandler().handle, args=[record], daemon=True).start()

def exits_with(code):
    pid = os.fork()
    if pid == 0:
        os._exit(code())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def is_locked():
    try:
        fcntl.lockf(1, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 1
    return 0

def log():
    with open(sys.argv[1], "w") as stream:
        handler = MozlogHandler(stream)
        handler.handle(record)
        return handler.dropped

while not exits_with(is_locked):
    pass
os._exit(exits_with(log))
"""


def test_a_child_logs_although_a_thread_of_its_parent_held_the_lock(
    pipe: Pipe, tmp_path: Path
) -> None:
    fill(pipe.writing)
    command = [sys.executable, "-c", FORKS, str(tmp_path / "log")]
    done = subprocess.run(command, stdout=pipe.writing, timeout=30)
    assert done.returncode == 0
    assert message_of((tmp_path / "log").read_text()) == "hello"


# Streams


@pytest.mark.parametrize("goes_on_as", ["a file", "a pipe"])
@pytest.mark.parametrize("begins_as", ["a file", "a pipe"])
def test_the_handler_follows_a_redirected_descriptor(
    begins_as: str, goes_on_as: str, tmp_path: Path
) -> None:
    places: list[tuple[TextIO, TextIO]] = []
    for number, kind in enumerate([begins_as, goes_on_as]):
        if kind == "a pipe":
            reading, writing = os.pipe()
            places.append((os.fdopen(reading), os.fdopen(writing, "w")))
        else:
            file = tmp_path / str(number)
            file.touch()
            places.append((file.open(), file.open("w")))
    (first, stream), (second, other) = places
    handler = MozlogHandler(stream)
    handler.handle(record("one"))
    os.dup2(other.fileno(), stream.fileno())
    handler.handle(record("two"))
    stream.close()
    other.close()
    assert [[message_of(line) for line in f] for f in (first, second)] == [
        ["one"],
        ["two"],
    ]
    first.close()
    second.close()


def test_another_stream_can_be_set() -> None:
    first, second = io.StringIO(), io.StringIO()
    handler = MozlogHandler(first)
    handler.handle(record("one"))
    handler.setStream(second)
    handler.handle(record("two"))
    assert message_of(first.getvalue()) == "one"
    assert message_of(second.getvalue()) == "two"


def test_a_compressed_file_is_compressed(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "log", "wt") as stream:
        assert isinstance(stream, io.TextIOWrapper)
        handler = MozlogHandler(stream)
        handler.handle(record())
        handler.handle(record())
    with gzip.open(tmp_path / "log") as lines:
        assert [message_of(line) for line in lines] == [TEXT, TEXT]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "cp500", "utf-8-sig"])
def test_a_file_has_one_encoding(encoding: str, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding=encoding) as stream:
        stream.write("before\n")
        handler = MozlogHandler(stream)
        handler.handle(record())
    lines = (tmp_path / "log").read_text(encoding=encoding).splitlines()
    assert lines[0] == "before"
    assert message_of(lines[1]) == TEXT


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
@pytest.mark.parametrize("buffering", ["none", "lines", "blocks"])
def test_a_line_in_utf_8_stands_between_the_prints(
    encoding: str, buffering: str, tmp_path: Path
) -> None:
    stream = io.TextIOWrapper(
        (tmp_path / "log").open("wb", buffering=0 if buffering == "none" else -1),
        encoding,
        line_buffering=buffering == "lines",
        write_through=buffering == "none",
    )
    with stream:
        handler = MozlogHandler(stream)
        stream.write("before\n")
        handler.handle(record())
        stream.write("after\n")
    before, line, after = (tmp_path / "log").read_text().splitlines()
    assert (before, message_of(line), after) == ("before", TEXT, "after")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_characters_that_a_stream_cannot_encode_are_escaped(encoding: str) -> None:
    raw = io.BytesIO()
    handler = MozlogHandler(io.TextIOWrapper(raw, encoding, newline="\n"))
    handler.handle(record())
    assert handler.dropped == 0
    assert message_of(raw.getvalue().decode(encoding)) == TEXT


class Tee:
    """A stream that writes to several streams and has the first one's descriptor."""

    def __init__(self, *streams: TextIO) -> None:
        self.streams = streams

    def write(self, text: str) -> None:
        for stream in self.streams:
            stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.streams[0], name)


def test_a_tee_copies_the_lines(tmp_path: Path) -> None:
    copy = io.StringIO()
    with (tmp_path / "log").open("w") as stream:
        MozlogHandler(Tee(stream, copy)).handle(record())  # type: ignore[arg-type]
    assert (tmp_path / "log").read_text() == copy.getvalue()
    assert message_of(copy.getvalue()) == TEXT


class OnlyWrites:
    """A stream without any other method."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


class HasNoDescriptor(OnlyWrites):
    """A stream whose ``fileno`` returns None, as Celery's does."""

    def fileno(self) -> None:
        return None


@pytest.mark.parametrize("kind", [OnlyWrites, HasNoDescriptor])
def test_a_stream_needs_a_write_method_only(kind: Callable[[], OnlyWrites]) -> None:
    stream = kind()
    handler = MozlogHandler(stream)  # type: ignore[arg-type]
    handler.handle(record())
    handler.close()
    assert message_of(stream.text) == TEXT
    assert handler.dropped == 0


def test_flush_writes_what_was_printed() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as pipe, os.fdopen(writing, "w") as stream:
        handler = MozlogHandler(stream)
        stream.write("printed\n")
        handler.flush()
        assert pipe.read(100) == b"printed\n"


def test_a_stopped_reader_delays_no_line_for_another_place(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with open(reader, "rb"), open(writer, "w") as stopped:
        os.write(writer, b"x" * (65536 - 4096))
        stopped.write("p" * 6000)
        blocked = threading.Thread(
            target=MozlogHandler(stopped).emit, args=[record()], daemon=True
        )
        blocked.start()
        with open(tmp_path / "log", "w") as file:
            handler = MozlogHandler(file)
            for _ in range(3):
                handler.emit(record())
        assert handler.dropped == 0
        os.read(reader, 65536)
        blocked.join(BOUND)
