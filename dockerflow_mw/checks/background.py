"""An event loop of our own, for async checks where the server has none."""

from __future__ import annotations

import asyncio
import os
import threading


class BackgroundLoop:
    """One event loop in one daemon thread, started at its first use in a process."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        """Give the loop, started."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=self._loop.run_forever,
                    name="dockerflow-loop",
                    daemon=True,
                ).start()
            return self._loop


background_loop = BackgroundLoop()

# A fork takes neither the thread nor the state of a held lock along in good order.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=background_loop._reset)
