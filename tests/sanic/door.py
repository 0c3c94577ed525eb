"""Sanic applications under ASGI, for the tests. Options are settings."""

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
    """Return the event loop of all doors: a Sanic application stays on one loop."""
    made = asyncio.new_event_loop()
    threading.Thread(target=made.run_forever, daemon=True).start()
    return made


class Checked(Sanic[Any, Any]):
    """An application with the checks of its extension."""

    @property
    def check(self) -> Any:
        """The decorator that registers a check."""
        return self.ctx.extension.check

    @property
    def checks(self) -> Any:
        """The registry."""
        return self.ctx.extension.checks


class Quiet(ErrorHandler):
    """An error handler that logs nothing."""

    @staticmethod
    def log(request: Any, exception: Exception) -> None:
        """Log nothing."""


def make_app(kind: type[Sanic[Any, Any]] = Sanic) -> Any:
    """Return an application with a new name."""
    name, quiet = f"tests-{next(_numbers)}", Quiet()
    app = kind(name, configure_logging=False, error_handler=quiet)
    # Sanic rewrites its own methods at a start, which fails the second time.
    app.config.TOUCHUP = False
    app.config.MOTD = False
    return app


class StartedError(Exception):
    """The server has no further message."""


async def start(app: Any) -> None:
    """Start an application on the running loop."""
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
    """A Sanic application that starts at its first request."""

    def __init__(self, app: Any) -> None:
        self.application = self.served = app
        self._started: Any = None
        weakref.finalize(self, Sanic.unregister_app, app)

    async def _ask(self, scope: dict[str, Any]) -> Any:
        # Servers pass the percent-encoded path.
        scope["raw_path"] = quote(scope["raw_path"]).encode()
        asked = asyncio.run_coroutine_threadsafe(self._ask_on_loop(scope), loop())
        return await asyncio.wrap_future(asked)

    async def start(self) -> None:
        """Start the application and wait for it."""
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
    """A Sanic application with the page at all other paths."""

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
            # Sanic raises no exception to the server.
            raise self._errors.pop()
        return answer
