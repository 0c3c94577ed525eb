"""What can be done with a descriptor that others have as well, without waiting."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
from collections.abc import Callable
from typing import Any

fcntl: Any
try:
    import fcntl
except ImportError:
    fcntl = None

Writer = Callable[[int, bytes], int]
"""Writes to a descriptor what goes in at once, and gives how much it was."""

Place = tuple[int, int]
"""The device and inode that a descriptor leads to."""

# What a pipe takes in one piece, or not at all, whoever else writes to it.
_PIPE_BUF = getattr(select, "PIPE_BUF", 512)

_NOWAIT = getattr(os, "RWF_NOWAIT", 0) if hasattr(os, "pwritev") else 0
_UNSUPPORTED = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)

_REOPENED = os.O_WRONLY | os.O_APPEND
for _flag in ("O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY"):
    _REOPENED |= getattr(os, _flag, 0)


def place_of(descriptor: int) -> Place:
    """Tell where a descriptor leads."""
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def is_writable(descriptor: int, seconds: float) -> bool:
    """Wait until a descriptor takes something, or tells of an error, or time is up."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(seconds * 1000))


class Writable:
    """Tells again and again whether a descriptor takes something at this time."""

    def __init__(self) -> None:
        self._descriptor = -1

    def __call__(self, descriptor: int) -> bool:
        """Whether it does."""
        if descriptor != self._descriptor:
            # What is made for each question takes longer than the answer.
            self._poll = select.poll()
            self._poll.register(descriptor, select.POLLOUT)
            self._descriptor = descriptor
        return bool(self._poll.poll(0))


def takes_at_once(descriptor: int) -> bool:
    """Whether it takes any line whole and at once, as files and /dev/null do.

    They are what one can seek in. To ask for the status of a file makes the next write
    to it twice as slow, as the time of its change then has to be exact.
    """
    try:
        os.lseek(descriptor, 0, os.SEEK_CUR)
    except OSError:
        return False
    return True


class Unblocked:
    """Writes to a pipe, a terminal or a socket without waiting for its reader.

    Whether writing waits is a property of the description, which other processes and
    the application's own ``print`` have as well, so it is not ours to change. Linux
    takes the wish with the write, of pipes from 6.4 on; elsewhere the place is opened
    anew, and where that is forbidden too, a piece that fits is written at a time.
    """

    def __init__(self) -> None:
        self._nowait = bool(_NOWAIT)
        self._opened: int | None = None
        self._place = (0, 0)

    def __call__(self, descriptor: int, data: bytes) -> int:
        """Write what goes in.

        Raises:
            BlockingIOError: nothing does.
        """
        if self._nowait:
            try:
                return os.pwritev(descriptor, (data,), -1, _NOWAIT)
            except (NotImplementedError, OSError) as error:
                if getattr(error, "errno", errno.ENOSYS) not in _UNSUPPORTED:
                    raise
                self._nowait = False
        if not self._is_open(place_of(descriptor)):
            self._open(descriptor)
        if self._opened is not None:
            return os.write(self._opened, data)
        if not is_writable(descriptor, 0):
            raise BlockingIOError
        return os.write(descriptor, data[:_PIPE_BUF])

    def _is_open(self, place: Place) -> bool:
        # Whoever closes all descriptors closes ours, and its number may be given to a
        # file that is not ours to write to, nor to close.
        if self._opened is not None:
            with contextlib.suppress(OSError):
                return place_of(self._opened) == place
        return False

    def _open(self, descriptor: int) -> None:
        self.__del__()
        self._opened = None
        with contextlib.suppress(OSError):
            self._opened = os.open(f"/proc/self/fd/{descriptor}", _REOPENED)
            self._place = place_of(self._opened)

    def __del__(self) -> None:
        if self._opened is not None and self._is_open(self._place):
            os.close(self._opened)


# A process that is killed in the middle of a line leaves nothing behind but what it
# wrote, and the description that others share with it. There, a mark for them: the
# signal of a kind of input and output that nobody does on stdout, set to its default.
CUT = getattr(signal, "SIGIO", 0)
GET_MARK = getattr(fcntl, "F_GETSIG", 0) if CUT else 0


def mark(descriptor: int, cut: bool) -> bool:
    """Tell all who share a description whether the last line lacks its end.

    Returns:
        Whether it can be told.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, CUT if cut else 0)
        return bool((fcntl.fcntl(descriptor, GET_MARK) == CUT) is cut)
    except OSError:
        return False
