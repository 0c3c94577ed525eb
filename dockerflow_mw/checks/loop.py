"""An event loop of our own, for async checks where the server has none."""

from __future__ import annotations

import asyncio
import atexit
import os
import selectors
import threading
from typing import TypeAlias

Events: TypeAlias = list[tuple[selectors.SelectorKey, int]]

# How long the end of the process waits for tasks to take their cancellation, in
# seconds; those that do not are lost with the thread.
FAREWELL = 0.2

# How long a new loop is waited for, in seconds; it takes no time where threads start.
STARTS_WITHIN = 1.0


def _new_loop() -> asyncio.AbstractEventLoop:
    # Made here, and not with the module, which gevent may patch after that.
    class Selector(selectors.DefaultSelector):
        """A selector whose loop does not seem to run while it waits.

        Under gevent, a thread is a greenlet that gives way where it waits. To asyncio,
        the loop of one greenlet runs in all of them, and no other could run one.
        """

        def select(self, timeout: float | None = None) -> Events:
            loop = asyncio._get_running_loop()
            asyncio._set_running_loop(None)
            try:
                return super().select(timeout)
            finally:
                asyncio._set_running_loop(loop)

    return asyncio.SelectorEventLoop(Selector())


class BackgroundLoop:
    """One event loop in one daemon thread, started at its first use in a process."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        """Give the loop, started."""
        with self._lock:
            loop, is_new = self._loop, self._loop is None
            if loop is None:
                loop = self._loop = _new_loop()
        if is_new:
            self._start(loop)
        return loop

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        ended, running = self._ended, threading.Event()
        loop.call_soon(running.set)

        def run() -> None:
            loop.run_forever()
            loop.close()
            ended.set()

        try:
            name = "dockerflow-loop"
            threading.Thread(target=run, name=name, daemon=True).start()
        except RuntimeError:
            self._loop = None
            loop.close()
            raise
        # A loop that does not run is taken for one that checks were lost with.
        running.wait(STARTS_WITHIN)

    def stop(self) -> None:
        """Cancel what runs on the loop and stop it, if it was started."""
        loop = self._loop
        if loop is None:
            return
        done = asyncio.run_coroutine_threadsafe(_cancel_all(), loop)
        done.add_done_callback(lambda _: loop.call_soon_threadsafe(loop.stop))
        self._ended.wait(FAREWELL)


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
