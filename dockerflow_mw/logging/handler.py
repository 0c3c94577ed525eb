"""Writes lines to a stream so that none is torn, lost in silence or in the way."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from typing import TextIO

from dockerflow_mw.logging.channel import Channel
from dockerflow_mw.logging.descriptor import fcntl
from dockerflow_mw.logging.streams import DescriptorOutlet, TextOutlet, outlet_for


def complain(sentence: str, unsaid: Callable[[], None] | None = None) -> None:
    """Say on stderr that logging itself failed, where no log could carry it.

    Args:
        sentence: what to say.
        unsaid: is called if it cannot be said without waiting for who reads stderr.
    """
    line = f"dockerflow_mw: {sentence}\n".encode(errors="replace")

    def lost(_: Exception) -> None:
        if unsaid is not None:
            unsaid()

    with contextlib.suppress(OSError):
        if fcntl is None:
            os.write(2, line)
        else:
            Channel.to(2).write(line, 2, lost, None, 0.0)


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes each record in one piece, whoever else writes to the same place.

    What cannot be written is counted, and said once on stderr. The caller neither
    fails for it nor waits longer than `dockerflow_mw.logging.turns.PATIENCE`.

    Attributes:
        dropped: how many records were lost.
    """

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream)
        self.dropped = 0
        self._has_complained = False
        self._outlet: TextOutlet | DescriptorOutlet | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's line; a failure never reaches the caller."""
        try:
            line = self.format(record) + self.terminator
            self._way().write(line, self._drop)
        except Exception as error:
            self._drop(error)

    def flush(self) -> None:
        """Write what was printed to the stream, if it can be written in time."""
        with contextlib.suppress(OSError, ValueError):
            self._way().flush()

    def close(self) -> None:
        """Let go of the stream, which stays open, when the last line has its end."""
        with contextlib.suppress(OSError, ValueError):
            if self._outlet is not None:
                self._outlet.close()
        self._outlet = None
        super().close()

    def _way(self) -> TextOutlet | DescriptorOutlet:
        outlet = self._outlet
        if outlet is None or outlet.stream is not self.stream:
            outlet = self._outlet = outlet_for(self.stream)
        return outlet

    def _drop(self, error: Exception) -> None:
        self.dropped += 1
        if not self._has_complained:
            self._has_complained = True
            reason = f"{type(error).__name__}: {error}"
            sentence = f"Log records are lost, {self} cannot write them ({reason})."
            complain(sentence, self._complain_later)

    def _complain_later(self) -> None:
        self._has_complained = False
