"""Web servers and faults for the tests of the built-in checks.

The faults are real: a network that drops everything, and a server that listens and
never answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit, urlunsplit

from dockerflow_mw.checks.loop import background_loop
from tests.doors import BareASGI, BareWSGI

T = TypeVar("T")

# The timeout of a check that takes no time, on a busy machine, in seconds.
CHECK_TIMEOUT = 2.0
SOON = 20.0


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, and fail after a time limit."""
    ends = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < ends, "The condition never held."
        time.sleep(0.02)


class WSGIServer(BareWSGI):
    """A WSGI application whose async checks run on the private event loop."""

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the event loop of the async checks."""
        loop = background_loop()
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(SOON)

    def close(self) -> None:
        """Do nothing, because the private event loop is shared."""


class ASGIServer(BareASGI):
    """An ASGI application whose requests share one event loop, as in a server."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    async def _ask(self, scope: dict[str, Any]) -> Any:
        asked = asyncio.run_coroutine_threadsafe(super()._ask(scope), self._loop)
        return await asyncio.wrap_future(asked)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the event loop of the async checks."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(SOON)

    def close(self) -> None:
        """Stop the event loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


WebServer = WSGIServer | ASGIServer
WEB_SERVERS = (WSGIServer, ASGIServer)


@dataclasses.dataclass(frozen=True)
class Report:
    """The response to one probe of the heartbeat."""

    status: int
    messages: dict[str, str]
    body: str
    seconds: float
    slowest: float

    @property
    def ids(self) -> list[str]:
        """The last parts of the ids of the messages."""
        return [identity.rpartition(".")[2] for identity in self.messages]

    @property
    def outcome(self) -> tuple[int, list[str]]:
        """The status and the ids."""
        return self.status, self.ids


def probe(web_server: WebServer) -> Report:
    """Return the report of one probe of the heartbeat."""
    started = time.monotonic()
    answer = web_server.ask("/__heartbeat__", query=b"verbose")
    seconds = time.monotonic() - started
    report = json.loads(answer.body)
    details = report["details"].values()
    messages = {k: v for detail in details for k, v in detail["messages"].items()}
    slowest = max(timing["duration_ms"] for timing in report["timings"].values())
    body = answer.body.decode()
    return Report(answer.status, messages, body, seconds, slowest / 1000)


def probe_until(web_server: WebServer, outcome: tuple[int, list[str]]) -> None:
    """Probe until a check has an outcome and was not late.

    A late check answers with its previous result while it runs again.
    """

    def is_there() -> bool:
        answer = probe(web_server)
        return answer.outcome == outcome and answer.slowest < CHECK_TIMEOUT

    until(is_there)


def probe_until_ok(web_server: WebServer) -> None:
    """Probe until the heartbeat is ok, as `probe_until` does."""
    probe_until(web_server, (200, []))


def leaks(body: str, url: str) -> list[str]:
    """Return the parts of a URL that a body contains."""
    parts = urlsplit(url)
    found = (parts.username, parts.password, parts.hostname, str(parts.port))
    return [part for part in found if part and part in body]


class Network:
    """A proxy to a server that can stop forwarding.

    It keeps what is sent meanwhile, and forwards it later.

    Args:
        url: the URL of the server.

    Attributes:
        url: the URL of the server through this proxy.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve)
        self._ready = threading.Event()
        self._open = asyncio.Event()
        self._open.set()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(SOON)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def block(self) -> None:
        """Stop forwarding in both directions."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def unblock(self) -> None:
        """Forward everything again."""
        self._loop.call_soon_threadsafe(self._open.set)

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._until_the_end())

    async def _until_the_end(self) -> None:
        self._end = asyncio.Event()
        self._pumps: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        parts = urlsplit(self.url)
        self._target = (parts.hostname, parts.port)
        port = server.sockets[0].getsockname()[1]
        here = parts.netloc.rpartition("@")[0] + f"@127.0.0.1:{port}"
        self.url = urlunsplit(parts._replace(netloc=here))
        self._ready.set()
        await self._end.wait()
        server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _join(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            there = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        for source, sink in ((reader, there[1]), (there[0], writer)):
            pump = asyncio.create_task(self._pump(source, sink))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            try:
                while data := await source.read(65536):
                    await self._open.wait()
                    sink.write(data)
                    await sink.drain()
            finally:
                sink.close()
                await sink.wait_closed()


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """Listen on a port, and never answer a client."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
