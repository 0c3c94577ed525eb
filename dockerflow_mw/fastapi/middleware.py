"""Two middlewares for FastAPI and Starlette applications; they need no FastAPI.

Add them in either order, or only one of them::

    app.add_middleware(RequestIdMiddleware)
    app.add_middleware(MozlogRequestSummaryLogger)

Starlette runs such middlewares inside its error handler. If the application raises, the
summary therefore has the exception and status 500, whatever a handler of ``Exception``
returns. Around the application, as ``MozlogRequestSummaryLogger(app)``, the summary has
the status that the handler returns.

The middlewares answer the paths of ``DOCKERFLOW_GROUPS``. They read the settings at the
end of the application's start-up, or at the first request. In front of an application
without ``app.state``, they read the environment alone.
"""

from __future__ import annotations

import logging

from dockerflow_mw.fastapi.service import service_of
from dockerflow_mw.logging import MozlogHandler
from dockerflow_mw.protocols.asgi import ASGIMiddleware
from dockerflow_mw.protocols.types import ASGIApp, Receive, Scope, Send
from dockerflow_mw.summary import logger as summary_logger

__all__ = ["MozlogRequestSummaryLogger", "RequestIdMiddleware"]


class _LateMiddleware:
    # `add_middleware` passes an inner ASGI application without `state`. The application
    # with the settings is in the scope, so the first scope makes the ASGI middleware.

    def __init__(self, app: ASGIApp, logger: logging.Logger | None) -> None:
        self.app = app
        self._logger = logger
        self.innermost: ASGIApp = (
            app.innermost if isinstance(app, _LateMiddleware) else app
        )
        self._middleware: ASGIMiddleware | None = None
        self._serves_requests = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope."""
        if self._middleware is None:
            service = service_of(scope.get("app", self.innermost))
            self._middleware = ASGIMiddleware(self.app, service, self._logger)
        if not self._serves_requests and scope["type"] != "lifespan":
            # Only now: a lifespan may configure logging.
            self._serves_requests = True
            _ensure_handler(self._logger)
        await self._middleware(scope, receive, send)


def _ensure_handler(logger: logging.Logger | None) -> None:
    if logger is None or logger.hasHandlers():
        return
    logger.addHandler(MozlogHandler())
    if logger.level == logging.NOTSET and logger.getEffectiveLevel() == logging.WARNING:
        logger.setLevel(logging.INFO)


class RequestIdMiddleware(_LateMiddleware):
    """An ASGI middleware that sets the request id of each request.

    The id is in ``request_id_context`` and on each log record.

    Args:
        app: the ASGI application that serves the requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, None)


class MozlogRequestSummaryLogger(_LateMiddleware):
    """An ASGI middleware that logs a summary of each request.

    It sets the request id as well. If neither the logger nor the root logger has a
    handler at the first request, the summaries are JSON lines on stdout.

    Args:
        app: the ASGI application that serves the requests.
        logger: the logger of the summaries; by default ``request.summary``.
    """

    def __init__(self, app: ASGIApp, logger: logging.Logger | None = None) -> None:
        self.logger = summary_logger if logger is None else logger
        super().__init__(app, self.logger)
