"""A log handler that writes whole lines and never blocks its caller for long."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import select
import stat
import sys
import threading
import time
from collections import deque
from typing import Any, TextIO, TypeGuard

from dockerflow_mw.logging.formatter import DEFAULT_LOGGER_NAME, MozlogFormatter

fcntl: Any
try:
    import fcntl
    from select import poll
except ImportError:  # Windows has neither, and eventlet removes poll.
    fcntl = None

# The longest time that a record waits for the lock and the reader, in seconds.
MAX_WAIT = 1.0

# A pipe takes up to this many bytes whole (POSIX, write(), "pipe or FIFO").
PIPE_BUF = getattr(select, "PIPE_BUF", 512)


def complain(sentence: str) -> bool:
    """Write on stderr that logging itself failed, unless that would block.

    Returns:
        Whether the sentence was written.
    """
    line = f"dockerflow_mw: {sentence}".encode(errors="replace")[: PIPE_BUF - 1]
    with contextlib.suppress(OSError):
        if fcntl is None or _is_writable(2, 0):
            return os.write(2, line + b"\n") > 0
    return False


class MozlogHandler(logging.StreamHandler[TextIO]):
    """A handler that writes each record as one whole line, by default to stdout.

    A record that cannot be written within a second is counted and dropped. The first
    one is reported on stderr. The caller gets no exception.

    Args:
        stream: the stream to write to instead of ``sys.stdout``.
        name: the ``Logger`` of each line, whatever the name of the formatter.

    Attributes:
        dropped: the number of dropped records.
        logger_name: the ``name`` that was passed.
    """

    def __init__(
        self, stream: TextIO | None = None, name: str = DEFAULT_LOGGER_NAME
    ) -> None:
        super().__init__(sys.stdout if stream is None else stream)
        self.logger_name = name
        self.formatter = MozlogFormatter(logger_name=name)
        self.dropped = 0
        self._has_reported = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's line, or count the record as dropped."""
        try:
            # A formatter reads the name from the record. Other handlers would log it.
            record.__dict__["logger_name"] = self.logger_name
            text = self.format(record) + self.terminator
            del record.__dict__["logger_name"]
            if _is_text_file(self.stream):
                writer = _writer_for(self.stream.fileno())
                writer.write(self, text.encode(errors="backslashreplace"))
            else:
                self._write_text(text)
        except Exception as error:
            self.drop(error)

    def _write_text(self, text: str) -> None:
        try:
            self.stream.write(text)
        except UnicodeEncodeError:
            # JSON has characters beyond ASCII in strings only, where escapes are valid.
            escaped = re.sub(r"[^\x00-\x7f]", lambda m: json.dumps(m[0])[1:-1], text)
            self.stream.write(escaped)
        self.flush()

    def drop(self, error: Exception) -> None:
        """Count a record as dropped, and report the first one on stderr."""
        self.dropped += 1
        if not self._has_reported:
            reason = f"{type(error).__name__}: {error}"
            sentence = f"Log records are lost, {self} cannot write them ({reason})."
            self._has_reported = complain(sentence)


class _LineWriter:
    # The writer of all handlers of a process for one file or pipe, because POSIX
    # locks do not exclude the threads of one process from each other.

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._lines: deque[tuple[MozlogHandler, bytes, float]] = deque()
        self._is_writing = False
        # Whether the last line timed out, and whether it lacks its end.
        self._is_stalled = False
        self._is_unfinished = False

    def write(self, handler: MozlogHandler, data: bytes) -> None:
        deadline = time.monotonic() + MAX_WAIT
        if not self._lock.acquire(timeout=MAX_WAIT):
            raise TimeoutError("another thread writes")
        try:
            # A signal handler or finalizer may log in the middle of another line. The
            # interrupted call then writes both lines, one after the other.
            self._lines.append((handler, data, deadline))
            while self._lines and not self._is_writing:
                self._write_all()
        finally:
            self._lock.release()

    def _write_all(self) -> None:
        self._is_writing = True
        try:
            while self._lines:
                handler, data, deadline = self._lines.popleft()
                try:
                    self._write(handler, data, deadline)
                except Exception as error:
                    handler.drop(error)
        finally:
            self._is_writing = False

    def _write(self, handler: MozlogHandler, data: bytes, deadline: float) -> None:
        descriptor = handler.stream.fileno()
        mode = os.fstat(descriptor).st_mode
        if self._is_stalled:
            deadline = 0.0
        try:
            is_locked = not _is_atomic(handler, mode) and _lock(descriptor, deadline)
            try:
                # A stream's flush has no time limit, so first wait for the reader.
                _wait_until_writable(descriptor, deadline)
                handler.stream.flush()
                # More than PIPE_BUF bytes could block although the pipe is writable.
                size = sys.maxsize if stat.S_ISREG(mode) else PIPE_BUF
                self._send(descriptor, data, size, deadline)
            finally:
                if is_locked:
                    fcntl.lockf(descriptor, fcntl.LOCK_UN)
        except TimeoutError:
            self._is_stalled = True
            raise
        self._is_stalled = False

    def _send(self, descriptor: int, data: bytes, size: int, deadline: float) -> None:
        if self._is_unfinished:
            data = b"\n" + data
        sent = 0
        try:
            while sent < len(data):
                _wait_until_writable(descriptor, deadline)
                sent += os.write(descriptor, data[sent : sent + size])
        finally:
            if sent:
                self._is_unfinished = sent < len(data)


# One writer for each device and inode: a stopped reader delays no other place.
_writers: dict[tuple[int, int], _LineWriter] = {}

# A forked child inherits locks that no thread of its own will release.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_writers.clear)


def _writer_for(descriptor: int) -> _LineWriter:
    status = os.fstat(descriptor)
    place = status.st_dev, status.st_ino
    return _writers.get(place) or _writers.setdefault(place, _LineWriter())


def _is_text_file(stream: object) -> TypeGuard[io.TextIOWrapper]:
    # A compressed file, a copy for two places or UTF-16 do more than pass bytes on.
    if fcntl is None or type(stream) is not io.TextIOWrapper:
        return False
    raw = getattr(stream.buffer, "raw", stream.buffer)
    return type(raw) is io.FileIO and "{".encode(stream.encoding) == b"{"


def _is_atomic(handler: logging.Handler, mode: int) -> bool:
    # The kernel lets one caller at a time write to a file, and takes short lines for a
    # pipe whole. The formatter's limit decides, because a short line would tear a long
    # one that another process writes in pieces.
    is_short = 0 < getattr(handler.formatter, "max_bytes", 0) <= PIPE_BUF
    return stat.S_ISREG(mode) or (is_short and stat.S_ISFIFO(mode))


def _lock(descriptor: int, deadline: float) -> bool:
    # Returns whether locks work here; some sandboxes and file systems have none.
    pause = 0.0002
    while True:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise TimeoutError("another process writes") from None
        except OSError:
            return False
        time.sleep(pause)
        pause = min(pause * 2, 0.005)


def _wait_until_writable(descriptor: int, deadline: float) -> None:
    if not _is_writable(descriptor, max(0.0, deadline - time.monotonic())):
        raise TimeoutError("the reader has stopped")


def _is_writable(descriptor: int, seconds: float) -> bool:
    polled = poll()
    polled.register(descriptor, select.POLLOUT)
    return bool(polled.poll(seconds * 1000))
