"""Two middlewares for FastAPI and Starlette applications; they need no FastAPI.

Add them in either order, or only one of them::

    app.add_middleware(RequestIdMiddleware)
    app.add_middleware(MozlogRequestSummaryLogger)

Starlette runs such middlewares inside its error handler. If the application raises, the
summary therefore has the exception and status 500, whatever a handler of ``Exception``
returns. Around the application, as ``MozlogRequestSummaryLogger(app)``, the summary has
the status that the handler returns, and no exception.

The middlewares answer the paths of ``DOCKERFLOW_GROUPS``. They read the settings at the
end of the application's start-up, or at the first request. In front of an application
without ``app.state``, they read the environment alone.
"""

from __future__ import annotations

import logging
import sys
from types import NoneType

from dockerflow_mw.fastapi.service import service_of
from dockerflow_mw.logging import MozlogFormatter, MozlogHandler
from dockerflow_mw.protocols.asgi import ASGIMiddleware
from dockerflow_mw.protocols.types import ASGIApp, Receive, Scope, Send
from dockerflow_mw.summary import logger as summary_logger

__all__ = ["MozlogRequestSummaryLogger", "RequestIdMiddleware"]


class _DeferredMiddleware:
    # `add_middleware` passes an inner ASGI application without `state`. The application
    # with the settings is in the scope, so the first scope makes the ASGI middleware.

    def __init__(
        self, app: ASGIApp, logger: logging.Logger | None, sets_logger_up: bool = False
    ) -> None:
        self.app = app
        self._logger = logger
        self.innermost: ASGIApp = (
            app.innermost if isinstance(app, _DeferredMiddleware) else app
        )
        self._middleware: ASGIMiddleware | None = None
        self._must_set_logger_up = sets_logger_up

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope."""
        if self._middleware is None:
            service = service_of(scope.get("app", self.innermost))
            self._middleware = ASGIMiddleware(self.app, service, self._logger)
        if self._must_set_logger_up and scope["type"] != "lifespan":
            # Only now: a lifespan and the settings may configure logging.
            self._must_set_logger_up = False
            self._middleware.service.load()
            _set_up(summary_logger)
        await self._middleware(scope, receive, send)


def _set_up(logger: logging.Logger) -> None:
    """Set a logger's level and handler, unless the application has set them."""
    if logger.level == logging.NOTSET and logger.getEffectiveLevel() > logging.INFO:
        logger.setLevel(logging.INFO)
    inherited = logging.getLogger().handlers
    writes_json = any(isinstance(h.formatter, MozlogFormatter) for h in inherited)
    if logger.handlers or writes_json:
        return
    logger.addHandler(MozlogHandler())
    for handler in filter(_prints_messages, inherited):
        # The message of a summary is empty, and so would be a second line.
        handler.addFilter(lambda record: record.name != logger.name)


def _prints_messages(handler: logging.Handler) -> bool:
    """Return whether a handler prints text as that of `logging.basicConfig` does."""
    is_console = getattr(handler, "stream", None) in (sys.stdout, sys.stderr)
    return is_console and type(handler.formatter) in (logging.Formatter, NoneType)


class RequestIdMiddleware(_DeferredMiddleware):
    """An ASGI middleware that sets the request id of each request.

    The id is in ``request_id_context`` and on each log record.

    Args:
        app: the ASGI application that serves the requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, None)


class MozlogRequestSummaryLogger(_DeferredMiddleware):
    """An ASGI middleware that logs a summary of each request.

    The middleware sets the request id as well.

    The first request sets the default logger up. If the logger inherits a level above
    INFO, the level becomes INFO. If neither this logger has a handler nor the root
    logger a `MozlogFormatter`, the summaries are JSON lines on stdout. A root handler
    as that of `logging.basicConfig` then drops the summaries by a filter.

    Args:
        app: the ASGI application that serves the requests.
        logger: the logger of the summaries, which stays as it is. The default is
            ``request.summary``.
    """

    def __init__(self, app: ASGIApp, logger: logging.Logger | None = None) -> None:
        self.logger = summary_logger if logger is None else logger
        super().__init__(app, self.logger, sets_logger_up=logger is None)
