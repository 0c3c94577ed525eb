"""The handler on real pipes, files and terminals, with other processes beside it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pty
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dockerflow_mw import handler as handler_module
from dockerflow_mw.logging import MozlogHandler

PROCESSES = 8
RECORDS = 2000
BOUND = 120.0

WRITER = """
import logging, sys
from dockerflow_mw.logging import MozlogFormatter, MozlogHandler
number, size, who = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
handler = MozlogHandler()
handler.setFormatter(MozlogFormatter(max_bytes=0))
logger = logging.getLogger("writer")
logger.addHandler(handler)
logger.setLevel("INFO")
for count in range(number):
    logger.info("x" * size, extra={"who": who, "count": count})
    if "print" in sys.argv[4:]:
        sys.stdout.write("printed\\n")
        sys.stdout.flush()
sys.exit(1 if handler.dropped else 0)
"""


def start(
    stdout: Any, number: int, size: int, who: int, *more: str
) -> subprocess.Popen[bytes]:
    """Start a process that logs so many records of a size."""
    arguments = [str(number), str(size), str(who), *more]
    command = [sys.executable, "-c", WRITER, *arguments]
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE)


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
        finish([start(stdout, 300, 100, who, "print") for who in range(2)])
    lines = file.read_bytes().splitlines()
    assert lines.count(b"printed") == 600
    records = (line for line in lines if line != b"printed")
    assert_whole(records, 100, 2, 300)


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
            writer = start(theirs, 200, 100_000, 1)
        assert_whole(iter(lines), 100_000, 1, 200)
    finish([writer])


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


def logs_three(stdout: Any, before: str = "") -> str:
    """Give what a process says on stderr that logs three records."""
    command = [sys.executable, "-c", LOGS_THREE, before]
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


def test_a_line_that_was_begun_is_ended_before_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handler_module, "PATIENCE", 0.05)
    reading, writing = os.pipe()
    channel = handler_module.Channel(writing)
    with pytest.raises(TimeoutError):
        channel.write(b"a" * 200_000 + b"\n")
    with pytest.raises(TimeoutError):
        channel.write(b"lost\n")
    received: list[bytes] = []
    with open(reading, "rb") as lines:
        reader = threading.Thread(target=lambda: received.extend(lines))
        reader.start()
        monkeypatch.setattr(channel, "_patience", BOUND)
        channel.write(b"b" * 200_000 + b"\n")
        channel.close()
        os.close(writing)
        reader.join(BOUND)
    assert received == [b"a" * 200_000 + b"\n", b"b" * 200_000 + b"\n"]


def test_a_line_that_failed_half_way_leaves_the_next_one_whole() -> None:
    with tempfile.TemporaryFile() as file:
        channel = handler_module.Channel(file.fileno())
        channel._rest = b"\n"
        channel.write(b"next\n")
        channel.close()
        file.seek(0)
        assert file.read() == b"\nnext\n"


def test_who_has_the_turn_for_too_long_costs_the_others_their_records() -> None:
    held, holding = os.pipe()
    first, second = handler_module.Channel(holding), handler_module.Channel(holding)
    first._lock(0)
    with pytest.raises(TimeoutError, match="another process has the turn"):
        second.write(b"x\n")
    first.close()
    second.write(b"y\n")
    assert os.read(held, 10) == b"y\n"
    second.close()
    for descriptor in (held, holding):
        os.close(descriptor)


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_has_a_way_of_its_own(tmp_path: Path) -> None:
    code = (
        "import logging, os\n"
        "from dockerflow_mw.logging import MozlogHandler\n"
        "handler = MozlogHandler()\n"
        "record = logging.makeLogRecord({'msg': 'hello'})\n"
        "handler.handle(record)\n"
        "channel = handler._channel\n"
        "pid = os.fork()\n"
        "handler.handle(record)\n"
        "if not pid:\n"
        "    os._exit(handler._channel is channel)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0\n"
        "assert handler._channel is channel\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, timeout=BOUND)
    assert [json.loads(x)["Fields"]["msg"] for x in done.stdout.splitlines()] == [
        "hello"
    ] * 3
