"""The middlewares of FastAPI and Starlette applications, which need no FastAPI.

They are added with ``add_middleware``, in either order; one alone works as well::

    app.add_middleware(RequestIdMiddleware)
    app.add_middleware(MozlogRequestSummaryLogger)

Added so, they are inside of what Starlette makes of an exception: the summary has the
exception and 500, whatever a handler of ``Exception`` answers. Around the application,
as ``MozlogRequestSummaryLogger(app)``, the summary has the answer of that handler.

``DOCKERFLOW_GROUPS`` are answered here, because the router's paths are known before
any settings are. In front of an application without ``state``, the settings are those
of the environment.

Where logging is not set up at all when the application starts, the summaries are JSON
lines on stdout.
"""

from __future__ import annotations

import logging
from typing import Any

from dockerflow_mw.endpoints import with_slashes
from dockerflow_mw.fastapi.front import Front, front_of
from dockerflow_mw.logging import MozlogHandler
from dockerflow_mw.protocols.asgi import ASGIApp, ASGIMiddleware, Receive, Scope, Send
from dockerflow_mw.settings import Settings
from dockerflow_mw.summary import logger as summary_logger


class _LateDoor:
    # The settings are known when the application has started, or at its first request.

    def __init__(self, app: ASGIApp, logger: logging.Logger | None) -> None:
        self.app = app
        self._logger = logger
        self._door: ASGIMiddleware | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope."""
        if scope["type"] == "lifespan":
            door = ASGIMiddleware(self.app, Settings(), {}, lambda: self._start(scope))
        else:
            door = self._door or self._open(front_of(self._application(scope)))
        await door(scope, receive, send)

    def _start(self, scope: Scope) -> str | None:
        try:
            front = front_of(self._application(scope), may_refuse=True)
        except ValueError as error:
            return str(error)
        self._open(front)
        return front.announcement()

    def _application(self, scope: Scope) -> Any:
        app: Any = self.app
        while isinstance(app, _LateDoor):
            app = app.app
        return scope.get("app", app)

    def _open(self, front: Front) -> ASGIMiddleware:
        if self._logger is not None:
            _make_heard(self._logger)
        groups = {path: front.endpoints[path] for path, _ in front.settings.groups}
        self._door = ASGIMiddleware(
            self.app,
            front.settings,
            with_slashes(groups),
            front.announcement,
            self._logger,
        )
        return self._door


def _make_heard(logger: logging.Logger) -> None:
    if logger.hasHandlers():
        return
    logger.addHandler(MozlogHandler())
    if logger.level == logging.NOTSET and logger.getEffectiveLevel() == logging.WARNING:
        logger.setLevel(logging.INFO)


class RequestIdMiddleware(_LateDoor):
    """Gives each request its id, in ``request_id_context`` and on each log record.

    Args:
        app: the application.
    """

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, None)


class MozlogRequestSummaryLogger(_LateDoor):
    """Logs one summary of each request, with its id.

    Args:
        app: the application.
        logger: what to log with instead of ``request.summary``.
    """

    def __init__(self, app: ASGIApp, logger: logging.Logger | None = None) -> None:
        self.logger = summary_logger if logger is None else logger
        super().__init__(app, self.logger)
