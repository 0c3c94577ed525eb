"""The handler on real pipes, files and terminals, with other processes beside it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import pty
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dockerflow_mw.logging import MozlogHandler

PROCESSES = 8
RECORDS = 2000
BOUND = 120.0

# What is printed waits in a buffer, as it does where nobody has said otherwise.
BUFFERED = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}

WRITER = """
import logging, os, sys
from dockerflow_mw.logging import MozlogFormatter, MozlogHandler
number, size, who = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
handler = MozlogHandler()
handler.setFormatter(MozlogFormatter(max_bytes=0))
logger = logging.getLogger("writer")
logger.addHandler(handler)
logger.setLevel("INFO")
if "nobody" in sys.argv[4:]:
    os.setgid(65534)
    os.setuid(65534)
for count in range(number):
    logger.info("x" * size, extra={"who": who, "count": count})
    if "print" in sys.argv[4:]:
        sys.stdout.write("printed\\n")
    if "flush" in sys.argv[4:]:
        sys.stdout.flush()
sys.exit(1 if handler.dropped else 0)
"""


def start(
    stdout: Any, number: int, size: int, who: int, *more: str
) -> subprocess.Popen[bytes]:
    """Start a process that logs so many records of a size."""
    arguments = [str(number), str(size), str(who), *more]
    command = [sys.executable, "-c", WRITER, *arguments]
    return subprocess.Popen(
        command, stdout=stdout, stderr=subprocess.PIPE, env=BUFFERED
    )


def finish(writers: list[subprocess.Popen[bytes]]) -> None:
    """Wait for processes that have lost nothing and complained of nothing."""
    ends = [(w.communicate(timeout=BOUND)[1], w.returncode) for w in writers]
    assert ends == [(b"", 0)] * len(writers)


def assert_whole(
    lines: Iterator[bytes], size: int, processes: int, number: int
) -> None:
    """Hold lines against what was logged: each record once, each line a record."""
    seen = set()
    for line in lines:
        fields = json.loads(line)["Fields"]
        assert len(fields["msg"]) == size
        seen.add((fields["who"], fields["count"]))
    assert len(seen) == processes * number


@pytest.mark.parametrize("size", [100, 5_000, 20_000, 100_000])
def test_processes_on_one_pipe_tear_and_lose_nothing(size: int) -> None:
    reading, writing = os.pipe()
    writers = [start(writing, RECORDS, size, who) for who in range(PROCESSES)]
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


def test_what_is_printed_in_between_overwrites_nothing(tmp_path: Path) -> None:
    file = tmp_path / "log"
    with file.open("wb") as stdout:
        finish([start(stdout, 300, 100, who, "print", "flush") for who in range(2)])
    lines = file.read_bytes().splitlines()
    assert lines.count(b"printed") == 600
    records = (line for line in lines if line != b"printed")
    assert_whole(records, 100, 2, 300)


def test_what_is_printed_in_between_tears_nothing() -> None:
    reading, writing = os.pipe()
    writers = [start(writing, 300, 7_000, who) for who in range(2)]
    printing = [start(writing, 300, 100, who, "print") for who in range(2, 4)]
    os.close(writing)
    with open(reading, "rb", buffering=0) as pipe:
        # Bites that are smaller than a line keep the pipe full.
        received = b"".join(iter(lambda: pipe.read(3000), b""))
    lines = received.splitlines()
    assert lines.count(b"printed") == 600
    records = [line for line in lines if line != b"printed"]
    assert_whole((r for r in records if len(r) > 7_000), 7_000, 2, 300)
    assert_whole((r for r in records if len(r) <= 7_000), 100, 2, 300)
    finish(writers + printing)


@pytest.mark.skipif(os.getuid() != 0, reason="only root has privileges to drop")
def test_processes_that_have_dropped_their_privileges_tear_nothing() -> None:
    reading, writing = os.pipe()
    os.fchmod(writing, 0o600)
    users = ["nobody", "nobody", "root"]
    writers = [start(writing, 200, 20_000, who, u) for who, u in enumerate(users)]
    os.close(writing)
    with open(reading, "rb") as lines:
        assert_whole(iter(lines), 20_000, 3, 200)
    finish(writers)


def test_a_named_pipe_gets_whole_lines_too(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(tmp_path / "pipe", os.O_WRONLY)
    os.set_blocking(reading, True)
    writers = [start(writing, 200, 100_000, who) for who in range(3)]
    os.close(writing)
    with open(reading, "rb") as lines:
        assert_whole(iter(lines), 100_000, 3, 200)
    finish(writers)


def test_a_terminal_gets_whole_lines_too() -> None:
    controlling, terminal = pty.openpty()
    writers = [start(terminal, 200, 100, who) for who in range(2)]
    os.close(terminal)
    received = b""
    while True:
        try:
            received += os.read(controlling, 65536)
        except OSError:  # the last writer has closed its side
            break
    os.close(controlling)
    assert_whole(iter(received.splitlines()), 100, 2, 200)
    finish(writers)


def test_a_socket_gets_whole_lines_too() -> None:
    ours, theirs = socket.socketpair()
    with ours, ours.makefile("rb") as lines:
        with theirs:
            writers = [start(theirs, 200, 100_000, who) for who in range(3)]
        assert_whole(iter(lines), 100_000, 3, 200)
    finish(writers)


LOGS_THREE = """
import logging, os, sys, time
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


def logs_three(stdout: Any, before: str = "", *more: str) -> str:
    """Give what a process says on stderr that logs three records."""
    command = [sys.executable, "-c", LOGS_THREE, before, *more]
    done = subprocess.run(
        command, stdout=stdout, stderr=subprocess.PIPE, timeout=BOUND, text=True
    )
    # The interpreter's own flush of stdout may fail on the way out.
    assert done.returncode in (0, 120)
    return done.stderr


def test_a_reader_that_is_gone_costs_the_records_alone() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    said = logs_three(writing)
    os.close(writing)
    assert said.count("Log records are lost") == 1
    assert "BrokenPipeError" in said
    assert "dropped 3" in said


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_costs_the_records_alone() -> None:
    with open("/dev/full", "wb") as full:
        said = logs_three(full)
    assert said.count("Log records are lost") == 1
    assert "No space left on device" in said
    assert "dropped 3" in said


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("sys.stdout.close()", id="the stream"),
        pytest.param("os.close(1)", id="the descriptor"),
    ],
)
def test_a_closed_stdout_costs_the_records_alone(before: str) -> None:
    said = logs_three(subprocess.DEVNULL, before)
    assert said.count("Log records are lost") == 1
    assert "dropped 3" in said


FOLLOWS_NO_NUMBER = """
logging.getLogger("writer").addHandler(MozlogHandler())
logging.getLogger("writer").error("x")
os.closerange(3, 256)
others = [open(sys.argv[2], "ab", buffering=0) for _ in range(20)]
"""


@pytest.mark.parametrize("kind", ["a pipe", "a named pipe", "a file"])
def test_who_closes_all_descriptors_gets_no_lines_in_other_files(
    kind: str, tmp_path: Path
) -> None:
    other, place = tmp_path / "other", tmp_path / "place"
    reading, writing = -1, -1
    if kind == "a pipe":
        reading, writing = os.pipe()
    elif kind == "a named pipe":
        os.mkfifo(place)
        reading = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
        writing = os.open(place, os.O_WRONLY)
    else:
        writing = os.open(place, os.O_WRONLY | os.O_CREAT)
        reading = os.open(place, os.O_RDONLY)
    said = logs_three(writing, FOLLOWS_NO_NUMBER, str(other))
    os.close(writing)
    with open(reading, "rb") as lines:
        assert len([json.loads(line) for line in lines]) == 1 + 2 * 3
    assert other.read_bytes() == b""
    assert said == "dropped 0"


def test_a_lock_of_somebody_else_on_the_file_costs_nothing(tmp_path: Path) -> None:
    with (tmp_path / "log").open("ab") as file:
        with (tmp_path / "log").open("ab") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            assert logs_three(file) == "dropped 0"
        assert len((tmp_path / "log").read_bytes().splitlines()) == 3


def fill(descriptor: int) -> None:
    """Write to a pipe until it takes no more."""
    os.set_blocking(descriptor, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(descriptor, b"x" * 4096)
    os.set_blocking(descriptor, True)


def test_a_reader_that_has_stopped_is_waited_for_once() -> None:
    reading, writing = os.pipe()
    fill(writing)
    said = logs_three(writing)
    os.close(writing)
    os.close(reading)
    assert "dropped 3" in said
    assert "nobody reads it" in said


def test_the_handler_follows_a_descriptor_that_leads_elsewhere(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with first.open("w") as stream, second.open("w") as other:
        handler = MozlogHandler(stream)
        record = logging.makeLogRecord({"msg": "hello"})
        handler.handle(record)
        os.dup2(other.fileno(), stream.fileno())
        handler.handle(record)
        handler.close()
    assert [len(f.read_text().splitlines()) for f in (first, second)] == [1, 1]


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="this is not Linux")
def test_the_handler_follows_a_pipe_that_becomes_a_file(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream, (tmp_path / "log").open("w") as file:
        handler = MozlogHandler(stream)
        record = logging.makeLogRecord({"msg": "hello"})
        handler.handle(record)
        os.dup2(file.fileno(), stream.fileno())
        handler.handle(record)
        handler.close()
    with open(reading, "rb") as lines:
        assert len(lines.read().splitlines()) == 1
    assert len((tmp_path / "log").read_text().splitlines()) == 1
