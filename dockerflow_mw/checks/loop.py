"""A private event loop for async checks where the server has none."""

from __future__ import annotations

import asyncio
import atexit
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
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started: Future[asyncio.AbstractEventLoop] | None = None
        self._ended = threading.Event()

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
        loop.close()
        self._ended.set()

    def stop(self) -> None:
        if self._started is None or not self._started.done():
            return
        loop = self._started.result()
        cancelled = asyncio.run_coroutine_threadsafe(_cancel_tasks(), loop)
        cancelled.add_done_callback(lambda _: loop.call_soon_threadsafe(loop.stop))
        self._ended.wait(STOP_TIMEOUT)


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


class BackgroundLoop:
    """The event loop of a process that runs async functions outside of any loop.

    It runs in a daemon thread that starts at the first use. Under gevent that is a
    thread of the operating system, too.
    """

    def __init__(self) -> None:
        self._threads = PerProcess(_LoopThread)

    def get(self) -> asyncio.AbstractEventLoop:
        """Return the running loop.

        Raises:
            RuntimeError: the process can start no thread.
            TimeoutError: the thread has not started in time.
        """
        return self._threads.get().get()

    def stop(self) -> None:
        """Cancel the tasks of the loop and stop it, if it has been started."""
        self._threads.get().stop()


background_loop = BackgroundLoop()

# Otherwise asyncio reports each unfinished task at the exit of the interpreter.
atexit.register(background_loop.stop)
