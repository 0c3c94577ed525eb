"""Writes lines to a stream so that none is torn, lost in silence or in the way."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import stat
import time
import weakref
from typing import Any, TextIO

fcntl: Any
try:
    import fcntl
except ImportError:
    fcntl = None

# How long a line may wait for its turn and for its reader, in seconds. One line waits
# for a reader that has stopped reading, the others are dropped until it reads again.
PATIENCE = 1.0

# What a pipe takes in one piece, or not at all, whoever else writes to it.
_PIPE_BUF = getattr(select, "PIPE_BUF", 512)

_FIRST_PAUSE = 0.0002
_LONGEST_PAUSE = 0.005


def complain(sentence: str) -> None:
    """Say on stderr that logging itself failed, where no log could carry it."""
    with contextlib.suppress(OSError):
        os.write(2, f"dockerflow_mw: {sentence}\n".encode(errors="replace"))


class Channel:
    """A way of our own to where a descriptor leads, which processes take in turns.

    A lock belongs to a descriptor's description, and that is the same in all processes
    that have inherited it. So the place is opened anew, which a socket, for one, does
    not allow; there, lines stay whole up to the size that a pipe takes at once.

    Args:
        descriptor: the descriptor of a pipe, a file, a terminal or a socket.
    """

    def __init__(self, descriptor: int) -> None:
        self.target = _target(descriptor)
        self._rest = b""
        self._locked = False
        self._patience = PATIENCE
        self._turns = _opened(descriptor)
        self._piecemeal = self._turns is None
        if self._turns is None or stat.S_ISREG(os.fstat(descriptor).st_mode):
            # In a file, who has the description has the place to write at.
            self._descriptor = os.dup(descriptor)
        else:
            self._descriptor = self._turns
        _channels.add(self)

    def close(self) -> None:
        """Close the way, and with it give the lock back."""
        opened = {d for d in (self._descriptor, self._turns) if d is not None}
        self._descriptor, self._turns = -1, None
        for descriptor in opened - {-1}:
            os.close(descriptor)

    __del__ = close

    def write(self, line: bytes) -> None:
        """Write a line, after what is left of the one before it.

        Raises:
            OSError: it cannot be written; `TimeoutError` if nobody reads.
        """
        ends = time.monotonic() + self._patience
        try:
            self._lock(ends)
            self._write_rest(ends)
            self._rest = line
            self._write_rest(ends)
        except TimeoutError:
            # Who comes next shall not wait for the same reader once more.
            self._patience = 0.0
            raise
        except OSError:
            # What has begun will not be ended; the next line shall be one of its own.
            self._rest = b"" if self._rest is line else b"\n"
            self._unlock()
            raise
        finally:
            if self._rest is line:
                self._rest = b""
            # A line that has begun keeps the others out until it has its end.
            if not self._rest:
                self._unlock()
        self._patience = PATIENCE

    def _write_rest(self, ends: float) -> None:
        while self._rest:
            try:
                self._rest = self._rest[self._write_some() :]
            except BlockingIOError:
                self._wait(ends)

    def _write_some(self) -> int:
        if not self._piecemeal:
            return os.write(self._descriptor, self._rest)
        # This description is everybody's, and may block: a piece that fits does not.
        if not self._is_writable(0):
            raise BlockingIOError
        return os.write(self._descriptor, self._rest[:_PIPE_BUF])

    def _wait(self, ends: float) -> None:
        left = ends - time.monotonic()
        if left <= 0 or not self._is_writable(left):
            raise TimeoutError("nobody reads it")

    def _is_writable(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        return bool(poll.poll(seconds * 1000))

    def _lock(self, ends: float) -> None:
        pause = _FIRST_PAUSE
        while self._turns is not None and not self._locked:
            try:
                fcntl.flock(self._turns, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._locked = True
            except BlockingIOError:
                if time.monotonic() >= ends:
                    raise TimeoutError("another process has the turn") from None
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            except OSError:
                # A file system without locks.
                return

    def _unlock(self) -> None:
        if self._locked:
            self._locked = False
            fcntl.flock(self._turns, fcntl.LOCK_UN)


_channels: weakref.WeakSet[Channel] = weakref.WeakSet()


def _close_channels() -> None:
    for channel in _channels:
        channel.close()


# A child's copy of a descriptor would hold the lock of a parent that is gone.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_channels)


def _opened(descriptor: int) -> int | None:
    # None where the place cannot be opened anew: a socket, or not ours to open.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        return os.open(f"/proc/self/fd/{descriptor}", flags)
    except OSError:
        return None


def _target(descriptor: int) -> tuple[int, int, int]:
    # Where a descriptor leads for whom: a child needs a way of its own, and so does
    # who sends stdout elsewhere, as servers do that have a log file.
    status = os.fstat(descriptor)
    return os.getpid(), status.st_dev, status.st_ino


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes each record in one piece, whoever else writes to the same place.

    What cannot be written is counted, and said once on stderr. The caller neither
    fails for it nor waits longer than `PATIENCE`.

    Attributes:
        dropped: how many records were lost.
    """

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream)
        self.dropped = 0
        self._channel: Channel | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's line; a failure never reaches the caller."""
        try:
            line = self.format(record) + self.terminator
            descriptor = self._file_descriptor()
            if descriptor is None:
                self.stream.write(line)
                self.stream.flush()
            else:
                self._way(descriptor).write(line.encode("utf-8", "backslashreplace"))
        except Exception as error:
            self._drop(error)

    def close(self) -> None:
        """Close what was opened for the stream; the stream itself stays open."""
        with contextlib.suppress(OSError):
            if self._channel is not None:
                self._channel.close()
        self._channel = None
        super().close()

    def _file_descriptor(self) -> int | None:
        if fcntl is None:
            return None
        try:
            return self.stream.fileno()
        except (AttributeError, OSError):
            # A stream in memory; a closed one raises ValueError and is a loss.
            return None

    def _way(self, descriptor: int) -> Channel:
        channel = self._channel
        if channel is None or channel.target != _target(descriptor):
            if channel is not None:
                channel.close()
            channel = self._channel = Channel(descriptor)
        # What was printed before stands before, as it does without the handler.
        self.stream.flush()
        return channel

    def _drop(self, error: Exception) -> None:
        self.dropped += 1
        if self.dropped == 1:
            reason = f"{type(error).__name__}: {error}"
            complain(f"Log records are lost, {self} cannot write them ({reason}).")
