"""Streams that are more than a way to a descriptor, or less."""

from __future__ import annotations

import gzip
import io
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import pytest

from dockerflow_mw.logging import MozlogHandler

TEXT = "é 日本 😀"


def record(message: str = TEXT) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": message})


def message_of(line: str | bytes) -> Any:
    return json.loads(line)["Fields"]["msg"]


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


class Copies:
    """A stream for two places, which has the descriptor of the first."""

    def __init__(self, *streams: TextIO) -> None:
        self.streams = streams

    def write(self, text: str) -> None:
        for stream in self.streams:
            stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.streams[0], name)


def test_a_copy_gets_the_lines_too(tmp_path: Path) -> None:
    copy = io.StringIO()
    with (tmp_path / "log").open("w") as stream:
        MozlogHandler(Copies(stream, copy)).handle(record())  # type: ignore[arg-type]
    assert (tmp_path / "log").read_text() == copy.getvalue()
    assert message_of(copy.getvalue()) == TEXT


class OnlyWrites:
    """A stream that can nothing else."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


class HasNoDescriptor(OnlyWrites):
    """A stream that says so in a way of its own, as Celery's."""

    def fileno(self) -> None:
        return None


@pytest.mark.parametrize("kind", [OnlyWrites, HasNoDescriptor])
def test_a_stream_need_not_do_more_than_write(kind: Callable[[], OnlyWrites]) -> None:
    stream = kind()
    handler = MozlogHandler(stream)  # type: ignore[arg-type]
    handler.handle(record())
    handler.close()
    assert message_of(stream.text) == TEXT
    assert handler.dropped == 0


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_what_a_stream_cannot_encode_is_escaped(encoding: str) -> None:
    raw = io.BytesIO()
    handler = MozlogHandler(io.TextIOWrapper(raw, encoding, newline="\n"))
    handler.handle(record())
    assert handler.dropped == 0
    assert message_of(raw.getvalue().decode(encoding)) == TEXT


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
@pytest.mark.parametrize("buffering", ["none", "lines", "blocks"])
def test_a_file_gets_utf_8(encoding: str, buffering: str, tmp_path: Path) -> None:
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


class LogsToo(io.StringIO):
    """A stream that logs while it writes, as a finalizer may at any time."""

    handler: MozlogHandler
    inner = 3

    def write(self, text: str) -> int:
        half = len(text) // 2
        super().write(text[:half])
        if self.inner:
            self.inner -= 1
            self.handler.handle(record(f"inner {self.inner}"))
        return super().write(text[half:])


def test_a_record_within_a_record_comes_after_it() -> None:
    stream = LogsToo()
    stream.handler = handler = MozlogHandler(stream)
    handler.handle(record("outer"))
    messages = [message_of(line) for line in stream.getvalue().splitlines()]
    assert messages == ["outer", "inner 2", "inner 1", "inner 0"]


def test_another_stream_takes_over(tmp_path: Path) -> None:
    first, second = io.StringIO(), io.StringIO()
    handler = MozlogHandler(first)
    handler.handle(record("one"))
    handler.setStream(second)
    handler.handle(record("two"))
    handler.flush()
    assert message_of(first.getvalue()) == "one"
    assert message_of(second.getvalue()) == "two"


def test_what_was_printed_is_flushed_with_the_handler() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as pipe, os.fdopen(writing, "w") as stream:
        handler = MozlogHandler(stream)
        stream.write("printed\n")
        handler.flush()
        assert pipe.read(100) == b"printed\n"
        stream.write("as before\n")
        stream.flush()
        assert pipe.read(100) == b"as before\n"
