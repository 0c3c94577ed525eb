"""``/__version__``: the version object."""

from __future__ import annotations

import asyncio
import inspect
import logging
from pathlib import Path
from typing import Any

from dockerflow_mw import version
from dockerflow_mw.checks.loop import background_loop
from dockerflow_mw.endpoints.http import Endpoint, Request, Response
from dockerflow_mw.logging import log_safely
from dockerflow_mw.settings import Settings

logger = logging.getLogger("dockerflow.version")


class Version(Endpoint):
    """The endpoint that returns the version object.

    The file is read once, when the endpoint is made: a file that a later deployment
    writes is the version of other processes. If the file is missing, the first request
    logs a warning. An async callback may take as long as a whole heartbeat.

    Args:
        settings: the settings of the middleware.
        root: the argument of ``version_callback``; None for the folder of the file.
    """

    def __init__(self, settings: Settings, root: object = None) -> None:
        file = version.find_version_file(settings.version_path)
        self._callback = settings.version_callback
        self._root = file.parent if root is None else root
        self._timeout = settings.heartbeat_deadline
        self._response = _read(file)
        # The file whose absence the next request logs.
        self._missing = file.absolute() if self._response.status == 404 else None

    def respond(self, request: Request) -> Response:
        """Return the version object of the file or of the callback."""
        if self._callback is None:
            return self._respond_from_file()
        try:
            value = self._callback(self._root)
            if inspect.iscoroutine(value):
                loop = background_loop()
                future = asyncio.run_coroutine_threadsafe(value, loop)
                value = future.result(self._timeout)
            return _response(value)
        except (Exception, SystemExit) as error:
            return _failure(error)

    async def arespond(self, request: Request) -> Response:
        """Return the version object, and await an async callback."""
        if self._callback is None:
            return self._respond_from_file()
        try:
            value = self._callback(self._root)
            if inspect.isawaitable(value):
                async with asyncio.timeout(self._timeout):
                    value = await value
            return _response(value)
        except (Exception, SystemExit) as error:
            return _failure(error)

    def _respond_from_file(self) -> Response:
        missing, self._missing = self._missing, None
        if missing is not None:
            text = "The version file %s is missing; set version_path to its place."
            log_safely(logger, logging.WARNING, text, missing)
        return self._response


def _read(file: Path) -> Response:
    try:
        return _response(version.read_version(file))
    except Exception as error:
        return _failure(error)


def _response(value: Any) -> Response:
    if value is None:
        return Response.json(404, {"error": "There is no version object."})
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise TypeError(f"The version is a {kind}; it must be a dict or None.")
    return Response.json(200, version.public(value))


def _failure(error: BaseException) -> Response:
    text = "The version object cannot be read."
    log_safely(logger, logging.ERROR, text, error=error)
    return Response.json(500, {"error": text})
