"""A private event loop for async checks where the server has none."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future

from dockerflow_mw.checks.process import PerProcess

# How long the exit of the process waits for cancelled tasks to finish, in seconds.
STOP_TIMEOUT = 0.2

# How long a caller waits for the thread of the loop to start, in seconds.
START_TIMEOUT = 5.0


class _LoopThread:
    """An event loop in a daemon thread that starts at the first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started: Future[asyncio.AbstractEventLoop] | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._started is None:
                started: Future[asyncio.AbstractEventLoop] = Future()
                _start_thread(lambda: self._run(started))
                self._started = started
            started = self._started
        return started.result(START_TIMEOUT)

    def _run(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        try:
            # Made here, because a selector of gevent's works in one thread only.
            loop = asyncio.new_event_loop()
        except Exception as error:
            self._started = None
            started.set_exception(error)
            return
        loop.call_soon(started.set_result, loop)
        loop.run_forever()

    def cancel_tasks(self) -> None:
        if self._started is not None and self._started.done():
            loop = self._started.result()
            cancelled = asyncio.run_coroutine_threadsafe(_cancel_tasks(), loop)
            with contextlib.suppress(TimeoutError):
                cancelled.result(STOP_TIMEOUT)


def _start_thread(run: Callable[[], None]) -> None:
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        # gevent has replaced threads by greenlets of one thread, in which asyncio
        # allows a single running loop: the application's.
        monkey.get_original("_thread", "start_new_thread")(run, ())
    else:
        threading.Thread(target=run, name="dockerflow-loop", daemon=True).start()


async def _cancel_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


_threads = PerProcess(_LoopThread)


def background_loop() -> asyncio.AbstractEventLoop:
    """Return the running event loop of this process for use outside of any loop.

    Its daemon thread starts at the first use, under gevent as a native thread.

    Raises:
        RuntimeError: the process can start no thread.
        TimeoutError: the thread has not started in time.
    """
    return _threads.get().get()


# Otherwise asyncio reports each unfinished task at the exit of the interpreter.
atexit.register(lambda: _threads.get().cancel_tasks())
