"""The door of the Sanic extension, under ASGI; its options are the app's settings."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import threading
import weakref
from typing import Any
from urllib.parse import quote

from sanic import HTTPResponse, Sanic, SanicException
from sanic.constants import HTTP_METHODS
from sanic.exceptions import MethodNotAllowed
from sanic.handlers import ErrorHandler

from dockerflow_mw.sanic import Dockerflow
from dockerflow_mw.settings import variable_of
from tests.doors import BareASGI, Page, page

_numbers = itertools.count()


@functools.cache
def loop() -> asyncio.AbstractEventLoop:
    """Give the loop of all doors, because an application starts on one and stays."""
    made = asyncio.new_event_loop()
    threading.Thread(target=made.run_forever, daemon=True).start()
    return made


class Checked(Sanic[Any, Any]):
    """An application that has its extension's checks, as the contract suite asks."""

    @property
    def check(self) -> Any:
        """The decorator that registers a check."""
        return self.ctx.extension.check

    @property
    def checks(self) -> Any:
        """The registry."""
        return self.ctx.extension.checks


class Quiet(ErrorHandler):
    """Answers as Sanic does, without a record of its own."""

    @staticmethod
    def log(request: Any, exception: Exception) -> None:
        """Log nothing."""


def make_app(kind: type[Sanic[Any, Any]] = Sanic) -> Any:
    """Make an application of a new name, which is forgotten with its last user."""
    name, quiet = f"tests-{next(_numbers)}", Quiet()
    app = kind(name, configure_logging=False, error_handler=quiet)
    # Its rewriting of its own methods does not work twice in a process.
    app.config.TOUCHUP = False
    app.config.MOTD = False
    return app


class StartedError(Exception):
    """There is nothing more to receive."""


async def start(app: Any) -> None:
    """Start an application on the running loop; it is never stopped."""
    messages = [{"type": "lifespan.startup"}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not messages:
            raise StartedError
        return messages.pop()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    with contextlib.suppress(StartedError):
        await app(scope, receive, send)
    if sent != [{"type": "lifespan.startup.complete"}]:
        raise RuntimeError(sent)


class Asked(BareASGI):
    """A Sanic application that is started with the first request for it."""

    def __init__(self, app: Any) -> None:
        self.application = self.served = app
        self._started: Any = None
        weakref.finalize(self, Sanic.unregister_app, app)

    async def _ask(self, scope: dict[str, Any]) -> Any:
        # Servers give what was sent, in which nothing but ASCII is.
        scope["raw_path"] = quote(scope["raw_path"]).encode()
        asked = asyncio.run_coroutine_threadsafe(self._ask_on_loop(scope), loop())
        return await asyncio.wrap_future(asked)

    async def start(self) -> None:
        """Start the application, and wait until it has started."""
        started = asyncio.run_coroutine_threadsafe(self._start(), loop())
        await asyncio.wrap_future(started)

    async def _start(self) -> None:
        if self._started is None:
            self._started = asyncio.ensure_future(start(self.served))
        await self._started

    async def _ask_on_loop(self, scope: dict[str, Any]) -> Any:
        await self._start()
        return await super()._ask(scope)


class SanicDoor(Asked):
    """A Sanic application that has the page wherever there is no route."""

    def __init__(self, page: Page = page, **options: Any) -> None:
        app = make_app(Checked)
        for name, value in {
            "log_probes": "failures",
            "error_endpoint": False,
            **options,
        }.items():
            app.config[variable_of(name)] = value
        app.ctx.extension = Dockerflow(app)
        self._errors: list[Exception] = []

        @app.route("/", HTTP_METHODS, name="root")
        @app.route("/<path:path>", HTTP_METHODS, name="page")
        @app.exception(MethodNotAllowed)
        async def answer(request: Any, *_: Any, **__: Any) -> HTTPResponse:
            return HTTPResponse(page(), content_type="text/plain")

        @app.signal("http.lifecycle.exception")
        async def note(request: Any, exception: Exception) -> None:
            if not isinstance(exception, SanicException):
                self._errors.append(exception)

        super().__init__(app)

    async def _ask_on_loop(self, scope: dict[str, Any]) -> Any:
        answer = await super()._ask_on_loop(scope)
        if self._errors:
            # A server gets no exception from Sanic, which answers for all of them.
            raise self._errors.pop()
        return answer
