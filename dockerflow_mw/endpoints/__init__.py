"""The endpoints: from a path to what answers there, without any protocol."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import Callable
from typing import Any, ClassVar

from dockerflow_mw import version
from dockerflow_mw.checks.loop import background_loop
from dockerflow_mw.checks.registry import Registry
from dockerflow_mw.checks.run import Around
from dockerflow_mw.endpoints.heartbeat import Heartbeat, HeartbeatState
from dockerflow_mw.endpoints.http import Endpoint, Request, Response, bearer
from dockerflow_mw.logging import log_safely
from dockerflow_mw.settings import Settings

error_logger = logging.getLogger("dockerflow.error")
version_logger = logging.getLogger("dockerflow.version")


class LBHeartbeat(Endpoint):
    """``/__lbheartbeat__``: the process answers, and nothing else is asked."""

    # Not even the start-up record, whose writing may take its time.
    quiet = True

    _ALIVE = Response.of(200)
    at_once: ClassVar = {"GET": _ALIVE, "HEAD": _ALIVE.head()}

    def respond(self, request: Request) -> Response:
        """Answer with the same reply every time."""
        return self._ALIVE


class Version(Endpoint):
    """``/__version__``: the version object, read once when the middleware is made.

    Args:
        settings: the middleware's settings.

    Attributes:
        callback: gives the object instead of the file, if there is one.
    """

    def __init__(self, settings: Settings) -> None:
        file = version.find_version_file(settings.version_path)
        self._folder = file.parent
        self.callback = settings.version_callback
        self._deadline = settings.heartbeat_deadline
        self._reply = _guarded(lambda: version.read_version(file))
        if self.callback is None and self._reply.status == 404:
            text = "There is no %s; version_path can say where it is."
            log_safely(version_logger, logging.WARNING, text, file.absolute())

    def respond(self, request: Request) -> Response:
        """Answer with the version object of the file or of the callback."""
        if self.callback is None:
            return self._reply
        return _guarded(self._call, self.callback)

    async def arespond(self, request: Request) -> Response:
        """Answer as `reply` does, and await an async callback here."""
        if self.callback is None:
            return self._reply
        try:
            value = self.callback(self._folder)
            if inspect.isawaitable(value):
                async with asyncio.timeout(self._deadline):
                    value = await value
        except (Exception, SystemExit) as error:
            return _no_version_object(error)
        return _guarded(lambda: value)

    def _call(self, callback: Callable[..., Any]) -> object:
        value = callback(self._folder)
        if not inspect.iscoroutine(value):
            return value
        loop = background_loop.get()
        return asyncio.run_coroutine_threadsafe(value, loop).result(self._deadline)


def _guarded(get: Callable[..., object], *args: object) -> Response:
    try:
        return _version_reply(get(*args))
    except (Exception, SystemExit) as error:
        return _no_version_object(error)


def _version_reply(value: object) -> Response:
    if value is None:
        return Response.json(404, {"error": "There is no version object."})
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise TypeError(f"The version is a {kind}; it must be a dict or None.")
    return Response.json(200, version.public(value))


def _no_version_object(error: BaseException) -> Response:
    text = "The version object cannot be given."
    log_safely(version_logger, logging.ERROR, text, error=error)
    return Response.json(500, {"error": "The version object cannot be read."})


# RFC 6750, section 3.
_NO_TOKEN = Response.of(
    401,
    b"This takes the bearer token of DOCKERFLOW_ERROR_TOKEN.\n",
    headers=(("WWW-Authenticate", "Bearer"),),
)


class Error(Endpoint):
    """``/__error__``: raises, so that the reporting of errors can be tried out.

    Args:
        token: the bearer token to ask for, if any.
    """

    def __init__(self, token: str | None = None) -> None:
        self._is_carried = None if token is None else bearer(token)

    def respond(self, request: Request) -> Response:
        """Raise an exception that says what it is for."""
        if self._is_carried is not None and not self._is_carried(request):
            return _NO_TOKEN
        text = "The __error__ endpoint was called"
        log_safely(error_logger, logging.ERROR, text)
        raise Exception("This is a test exception from the /__error__ endpoint.")


def endpoints(
    settings: Settings,
    registry: Registry,
    sender: object,
    around: Around = contextlib.nullcontext,
) -> dict[str, Endpoint]:
    """Give the endpoints by path.

    Args:
        settings: the middleware's settings.
        registry: the checks of the heartbeats, looked up anew at each request.
        sender: whom the heartbeats' signals come from.
        around: what each check is run inside, on its thread or in its task.
    """
    heart = HeartbeatState(settings, registry, sender, around)
    served: dict[str, Endpoint] = {
        "/__version__": Version(settings),
        "/__heartbeat__": Heartbeat(heart),
        "/__lbheartbeat__": LBHeartbeat(),
    }
    if settings.error_endpoint:
        served["/__error__"] = Error(settings.error_token)
    return served | {path: Heartbeat(heart, names) for path, names in settings.groups}


def with_slashes(served: dict[str, Endpoint]) -> dict[str, Endpoint]:
    """Give the endpoints under their paths with and without a slash at the end."""
    return served | {f"{path}/": endpoint for path, endpoint in served.items()}
