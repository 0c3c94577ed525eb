"""State that belongs to one process, so that a forked child never uses its parent's."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_process = object()


def _enter_child() -> None:
    global _process
    _process = object()


# POSIX, fork: a child has only the thread that forked, and locks that other threads
# held stay locked forever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_enter_child)


class PerProcess(Generic[T]):
    """A value that each process makes at its first use.

    Args:
        make: returns a new value; it must do no I/O, because threads may race for it.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._values: dict[object, T] = {}

    def get(self) -> T:
        """Return the value of the current process."""
        process = _process
        if process not in self._values:
            # `setdefault` is atomic, so all threads get the value of one of them.
            self._values.setdefault(process, self._make())
        return self._values[process]
