"""Who writes when: the turns that threads and processes take."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from dockerflow_mw.logging.descriptor import Writable, fcntl

# How long a line may wait for its turn and for its reader, in seconds. One line waits
# for a reader that has stopped reading, the others are dropped until it reads again.
PATIENCE = 1.0

_FIRST_PAUSE = 0.0002
_LONGEST_PAUSE = 0.005

_TAKE = 0 if fcntl is None else fcntl.LOCK_EX | fcntl.LOCK_NB
_GIVE = 0 if fcntl is None else fcntl.LOCK_UN


class OneByOne:
    """Does things one after the other, in the thread of who brings them.

    What a signal's handler or a finalizer brings in the middle of another is done by
    the one that it has interrupted.

    Args:
        do: is called with the time when the bringer's patience ends, and with what
            was brought; it raises no exception.
    """

    def __init__(self, do: Callable[..., None]) -> None:
        self._do = do
        self._brought: deque[tuple[Any, ...]] = deque()
        self.begin_anew()
        begins_anew_in_children(self)

    def begin_anew(self) -> None:
        """Forget what other threads were doing, which do not live on in a child."""
        self._brought.clear()
        self._busy = False
        self.lock = threading.RLock()

    def bring(self, patience: float, *what: Any) -> None:
        """Have something done, by somebody else if it is not our turn in time.

        Args:
            patience: how long that may take, in seconds.
            what: what to do it with.
        """
        ends = time.monotonic() + patience
        brought = self._brought
        brought.append((ends, *what))
        while True:
            lock = self.lock
            if not (lock.acquire(False) or lock.acquire(timeout=patience)):
                return
            try:
                if self._busy:
                    return
                self._busy = True
                try:
                    while brought:
                        self._do(*brought.popleft())
                finally:
                    self._busy = False
            finally:
                lock.release()
            # Brought while we had the lock and no longer looked.
            if not brought:
                return


class RefusedError(TimeoutError):
    """Another process has the turn, and the reader reads."""


class Turn:
    """The turn to write to a place, which one process has at a time.

    It is a lock of the process on the place: no child inherits it, none keeps it beyond
    its end, and it needs no description of our own, which a process that has given its
    privileges up could not open.

    Attributes:
        is_ours: whether this process has it.
    """

    def __init__(self) -> None:
        self.reads_on = Writable()
        self.begin_anew()

    def begin_anew(self) -> None:
        """Have no turn, as a child has none of its parent's."""
        self.is_ours = False
        self._passes_by = False

    def take(self, descriptor: int, ends: float) -> None:
        """Take the turn, if there are turns here.

        Raises:
            TimeoutError: another process has it until the end.
        """
        try:
            fcntl.lockf(descriptor, _TAKE)
            self.is_ours = True
        except OSError as error:
            if _is_refusal(error):
                self._wait(descriptor, ends)

    def give(self, descriptor: int) -> None:
        """Give the turn back."""
        self.is_ours = self._passes_by = False
        try:  # noqa: SIM105 - contextlib.suppress takes as long as the system call
            fcntl.lockf(descriptor, _GIVE)
        except OSError:
            pass

    def _wait(self, descriptor: int, ends: float) -> None:
        began, pause, reads = time.monotonic(), _FIRST_PAUSE, True
        while True:
            # Who has the turn, and writes nothing all the time though the reader
            # reads, has been stopped. Then better no turns than no lines.
            now = time.monotonic()
            reads = reads and self.reads_on(descriptor)
            self._passes_by |= now - began >= PATIENCE / 2
            if reads and self._passes_by:
                return
            if now >= ends:
                self._passes_by = False
                kind = RefusedError if reads else TimeoutError
                raise kind("another process has the turn")
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            with contextlib.suppress(BlockingIOError, PermissionError):
                fcntl.lockf(descriptor, _TAKE)
                self.is_ours = True
                return


def _is_refusal(error: OSError) -> bool:
    # POSIX allows for either of the two. All else is a place without locks, or one
    # that cannot be written to, which writing will tell.
    return error.errno in (errno.EAGAIN, errno.EACCES)


class BeginsAnew(Protocol):
    """What has a state that is its process's own."""

    def begin_anew(self) -> None:
        """Take the state of the beginning."""


_beginners: weakref.WeakSet[BeginsAnew] = weakref.WeakSet()


def begins_anew_in_children(it: BeginsAnew) -> None:
    """Have something begin anew in each child that is forked from now on."""
    _beginners.add(it)


def _begin_anew() -> None:
    for it in list(_beginners):
        it.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
