"""Text streams, seen as places to write lines to."""

from __future__ import annotations

import contextlib
import io
import json
import re
import string
import threading
import time
from typing import Any, TextIO, cast

from dockerflow_mw.logging import turns
from dockerflow_mw.logging.channel import Channel, Lost, Send
from dockerflow_mw.logging.descriptor import fcntl
from dockerflow_mw.logging.turns import OneByOne

# How soon it is noticed that a descriptor leads elsewhere, in seconds.
_LOOK_AGAIN = 0.01

_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


class TextOutlet:
    """Lines for a stream of which nothing is known but that text can be written."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._lines = OneByOne(self._put)

    def write(self, line: str, lost: Lost) -> None:
        """Write a line; if it cannot be written, `lost` is told why."""
        self._lines.bring(turns.PATIENCE, line, lost)

    def _put(self, ends: float, line: str, lost: Lost) -> None:
        try:
            try:
                self.stream.write(line)
            except UnicodeEncodeError:
                # In JSON, these characters are in strings, and have other names there.
                self.stream.write(_NOT_ASCII.sub(_escaped, line))
            self.flush()
        except Exception as error:
            lost(error)

    def flush(self) -> None:
        """Flush the stream, if it is one that can be flushed."""
        if hasattr(self.stream, "flush"):
            self.stream.flush()

    def close(self) -> None:
        """Leave the stream as it is, which is not ours."""


class DescriptorOutlet:
    """Lines for a stream that only stands before a descriptor, as stdout does."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self.stream = stream
        self._printed = None if _is_unbuffered(stream) else Printed(stream)
        self._channel: Channel | None = None
        self._looked_at = 0.0

    def write(self, line: str, lost: Lost) -> None:
        """Write a line; if it cannot be written, `lost` is told why.

        Raises:
            OSError, ValueError: the stream is closed.
        """
        data = line.encode("utf-8", "backslashreplace")
        descriptor = self.stream.fileno()
        channel = self._channel
        if channel is None or not self._still_leads(channel, descriptor):
            channel = self._channel = Channel.to(descriptor)
        channel.write(data, descriptor, lost, self._printed)

    def _still_leads(self, channel: Channel, descriptor: int) -> bool:
        # Servers that have a log file send stdout there when they have started. What
        # is written to a pipe goes where it leads in any case, only who waits for whom
        # is a matter of channels; but to a file one writes without precaution.
        if channel.may_wait:
            now = time.monotonic()
            if now - self._looked_at < _LOOK_AGAIN:
                return True
            self._looked_at = now
        return channel.is_behind(descriptor)

    def flush(self) -> None:
        """Write what is buffered, if it can be written in time."""
        self.write("", _ignore)

    def close(self) -> None:
        """Give the end of a line that is on its way a last chance."""
        if self._channel is not None:
            self._channel.finish()


def outlet_for(stream: TextIO) -> TextOutlet | DescriptorOutlet:
    """Give the way to write to a stream."""
    if fcntl is not None and stands_before_descriptor(stream):
        assert isinstance(stream, io.TextIOWrapper)  # noqa: S101 - what was told
        return DescriptorOutlet(stream)
    return TextOutlet(stream)


def stands_before_descriptor(stream: object) -> bool:
    """Whether text that is written to a stream goes to its descriptor as it is.

    Compressed files, copies for several places, and what has a class of its own do
    more than that, though they have descriptors too.
    """
    if type(stream) is not io.TextIOWrapper:
        return False
    with contextlib.suppress(ValueError, LookupError):
        buffer: Any = stream.buffer
        raw = buffer.raw if type(buffer) is io.BufferedWriter else buffer
        ascii_only = string.printable
        return type(raw) is io.FileIO and (
            ascii_only.encode(stream.encoding) == ascii_only.encode()
        )
    return False


def _is_unbuffered(stream: io.TextIOWrapper) -> bool:
    # PYTHONUNBUFFERED leaves the buffer out.
    buffer: object = stream.buffer
    return type(buffer) is io.FileIO


class Printed:
    """What was printed to a stream and waits in its buffers.

    Args:
        stream: a text stream over a buffer over a file.
    """

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self._stream = stream
        self._buffer = cast("Any", stream.buffer)
        self._raw = self._buffer.raw
        self._send: Send | None = None
        self._ends = 0.0
        self._thread = 0

    def flush(self, send: Send | None = None, ends: float = 0.0) -> None:
        """Write it.

        Args:
            send: writes a part of it, or raises. Without it, the stream itself does,
                which may wait for a reader.
            ends: when to raise.
        """
        if send is None:
            self._stream.flush()
            return
        self._send, self._ends, self._thread = send, ends, threading.get_ident()
        # The buffer keeps what is not written, and there is no other way to learn
        # what it holds. The text before it fits into the buffer when that is empty.
        self._raw.write = self._write
        try:
            self._buffer.flush()
            self._stream.flush()
        finally:
            del self._raw.write

    def _write(self, data: memoryview) -> int | None:
        if self._send is None or threading.get_ident() != self._thread:
            return io.FileIO.write(self._raw, data)
        return self._send(bytes(data), self._ends)


def _escaped(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]


def _ignore(error: Exception) -> None:
    pass
