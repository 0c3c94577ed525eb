"""An event loop of our own, for async checks where the server has none."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading

# How long the end of the process waits for tasks to take their cancellation, in
# seconds; those that do not are lost with the thread.
FAREWELL = 0.2


class BackgroundLoop:
    """One event loop in one daemon thread, started at its first use in a process."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        """Give the loop, started."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="dockerflow-loop", daemon=True
                )
                self._thread.start()
            return self._loop

    def stop(self) -> None:
        """Cancel what runs on the loop and stop it, if it was started."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        done = asyncio.run_coroutine_threadsafe(_cancel_all(), loop)
        done.add_done_callback(lambda _: loop.call_soon_threadsafe(loop.stop))
        thread.join(FAREWELL)
        if not thread.is_alive():
            loop.close()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


background_loop = BackgroundLoop()

# Or the interpreter would complain of every task that it finds unfinished.
atexit.register(background_loop.stop)

# A fork takes neither the thread nor the state of a held lock along in good order.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=background_loop._reset)
