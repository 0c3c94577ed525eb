"""Whole lines for a place that threads and processes share, and no caller waits long.

Each line is sent by who brings it, in its turn. What a line leaves behind when its
reader stops reading is sent in the background as soon as the reader goes on.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
import weakref
from collections.abc import Callable
from typing import Protocol

from dockerflow_mw.logging import turns
from dockerflow_mw.logging.descriptor import (
    CUT,
    GET_MARK,
    Place,
    Unblocked,
    Writer,
    fcntl,
    is_writable,
    mark,
    place_of,
    takes_at_once,
)
from dockerflow_mw.logging.turns import OneByOne, RefusedError, Turn

Lost = Callable[[Exception], None]
"""Is told why a line could not be written."""

Send = Callable[[bytes, float], int]
"""Writes a part of something until a time, and gives how much it was."""


class Printed(Protocol):
    """What was printed and waits in a stream's buffers."""

    def flush(self, send: Send | None = None, ends: float = 0.0) -> None:
        """Write what waits; nothing of it is lost where sending fails."""


class _CutInError(OSError):
    """Another process has not waited for the end of our line."""


class Channel:
    """The way to one place, which is the same for all handlers that lead there.

    Args:
        descriptor: a descriptor of the pipe, file, terminal or socket.

    Attributes:
        may_wait: whether it is a place where one waits for readers and for others;
            the kernel lets who writes to a file, or to /dev/null, do so in turns.
    """

    def __init__(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        self._place = status.st_dev, status.st_ino
        self.may_wait = not takes_at_once(descriptor)
        self._write: Writer = Unblocked() if self.may_wait else os.write
        regular = stat.S_ISREG(status.st_mode)
        self._has_marks = bool(GET_MARK) and (self.may_wait or regular)
        self._descriptor = descriptor
        self._turn = Turn()
        self._lines = OneByOne(self._put)
        self.begin_anew()
        turns.begins_anew_in_children(self)

    @classmethod
    def to(cls, descriptor: int) -> Channel:
        """Give the channel to where a descriptor leads."""
        place = place_of(descriptor)
        return _channels.get(place) or _channels.setdefault(place, cls(descriptor))

    def is_behind(self, descriptor: int) -> bool:
        """Whether a descriptor leads here, or to what is written to in the same way."""
        if self.may_wait:
            return place_of(descriptor) == self._place
        return takes_at_once(descriptor)

    def begin_anew(self) -> None:
        """Leave to a parent what the parent was doing."""
        self._patience = self._last_patience = turns.PATIENCE
        self._is_cut = False
        self._rest = b""
        self._finisher: threading.Thread | None = None
        self._turn.begin_anew()

    def write(
        self,
        line: bytes,
        descriptor: int,
        lost: Lost,
        printed: Printed | None = None,
        patience: float | None = None,
    ) -> None:
        """Write a line, after what is left of the one before it.

        Args:
            line: the line with its end, or nothing, for the sake of what is left.
            descriptor: one that leads to the place.
            lost: is called, maybe after the return, if the line cannot be written.
            printed: what has to be written before it.
            patience: how long all of that may take, else as long as it is worth.
        """
        if patience is None:
            self._lines.bring(self._patience, line, descriptor, lost, printed, True)
        else:
            self._lines.bring(patience, line, descriptor, lost, printed, False)

    def finish(self) -> None:
        """Give what is left of a line a last chance before the process may end."""
        if self._rest:
            patience, self._last_patience = self._last_patience, 0.0
            self.write(b"", self._descriptor, _ignore, None, patience)

    def _put(
        self,
        ends: float,
        line: bytes,
        descriptor: int,
        lost: Lost,
        printed: Printed | None,
        waits: bool,
    ) -> None:
        turn = self._turn
        try:
            if self._rest:
                self._end_rest(ends)
            self._descriptor = descriptor
            if self.may_wait and not turn.is_ours:
                turn.take(descriptor, ends)
            if printed is not None:
                self._flush(printed, ends)
            if line:
                self._send(line, ends)
            self._patience = self._last_patience = turns.PATIENCE
        except TimeoutError as error:
            if waits:
                # Who comes next shall not wait for the same reader once more.
                refused = isinstance(error, RefusedError)
                self._patience = turns.PATIENCE if refused else 0.0
            if self._rest:
                self._finish_later()
            lost(error)
        except Exception as error:
            self._rest = b""
            lost(error)
        except BaseException:
            # A signal's handler has raised, and how far we were nobody knows.
            self._rest = b""
            self._mark(True)
            raise
        finally:
            # A line that has begun keeps the others out until it has its end.
            if turn.is_ours and not self._rest:
                turn.give(self._descriptor)

    def _flush(self, printed: Printed, ends: float) -> None:
        if not self.may_wait:
            printed.flush()
            return
        # Who prints to a pipe that is full waits inside of the stream, which then
        # would make us wait as well.
        if not self._turn.reads_on(self._descriptor):
            self._wait(ends)
        printed.flush(self._send_some, ends)

    def _send(self, line: bytes, ends: float) -> None:
        if cut := self._is_marked():
            line = b"\n" + line
        try:
            written = self._write(self._descriptor, line)
        except BlockingIOError:
            written = self._send_some(line, ends)
        if written < len(line):
            self._mark(True)
            self._rest = line[written:]
            self._send_rest(ends)
        elif cut:
            self._mark(False)

    def _end_rest(self, ends: float) -> None:
        if place_of(self._descriptor) != self._place:
            # The application has closed the way, and with it given the turn back.
            self._turn.begin_anew()
            self._rest = b""
            return
        with contextlib.suppress(_CutInError):
            self._send_rest(ends)

    def _send_rest(self, ends: float) -> None:
        while self._rest:
            if not self._is_marked():
                self._rest = b""
                raise _CutInError("another process has begun a line within it")
            self._rest = self._rest[self._send_some(self._rest, ends) :]
        self._mark(False)

    def _send_some(self, data: bytes, ends: float) -> int:
        while True:
            try:
                return self._write(self._descriptor, data)
            except BlockingIOError:
                self._wait(ends)

    def _wait(self, ends: float) -> None:
        left = ends - time.monotonic()
        if left <= 0 or not is_writable(self._descriptor, left):
            raise TimeoutError("nobody reads it")

    def _is_marked(self) -> bool:
        if self._has_marks:
            return bool(fcntl.fcntl(self._descriptor, GET_MARK) == CUT)
        return self._is_cut

    def _mark(self, cut: bool) -> None:
        self._is_cut = cut
        if self._has_marks:
            self._has_marks = mark(self._descriptor, cut)

    def _finish_later(self) -> None:
        if self._finisher is not None:
            return
        # Nobody else has the turn while our line lacks its end, and we may never log
        # again. At the interpreter's end no thread can be started.
        name = "dockerflow_mw.logging.channel"
        finisher = threading.Thread(target=self._finish, name=name, daemon=True)
        with contextlib.suppress(RuntimeError):
            finisher.start()
            self._finisher = finisher

    def _finish(self) -> None:
        while True:
            with self._lines.lock:
                if not self._rest:
                    self._finisher = None
                    return
            if is_writable(self._descriptor, turns.PATIENCE):
                self.write(b"", self._descriptor, _ignore, None, 0.0)


def _ignore(error: Exception) -> None:
    # What is left of a line was counted as lost when it was left.
    pass


_channels: weakref.WeakValueDictionary[Place, Channel] = weakref.WeakValueDictionary()
