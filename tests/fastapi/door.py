"""The FastAPI application of the contract suite."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI

from dockerflow_mw.checks import clear_checks, default_registry
from dockerflow_mw.fastapi import router
from dockerflow_mw.fastapi.middleware import (
    MozlogRequestSummaryLogger,
    RequestIdMiddleware,
)
from dockerflow_mw.settings import variable_of
from dockerflow_mw.summary import logger
from tests.doors import BareASGI, Page, page

# The defaults of DockerflowMiddleware that the adapters do not share.
DEFAULTS = {"error_endpoint": False, "log_probes": "failures"}


class FastAPIDoor(BareASGI):
    """A FastAPI application with the router and both middlewares."""

    def __init__(self, page: Page = page, **options: Any) -> None:
        async def answer(scope: Any, receive: Any, send: Any) -> None:
            body = page()
            headers = [(b"content-type", b"text/plain")]
            start = {"type": "http.response.start", "status": 200, "headers": headers}
            await send(start)
            await send({"type": "http.response.body", "body": body})

        app: Any = FastAPI(redirect_slashes=False)
        app.router.default = answer
        for name, value in {**DEFAULTS, **options}.items():
            setattr(app.state, variable_of(name), value)
        app.include_router(router)
        app.add_middleware(RequestIdMiddleware)
        app.add_middleware(MozlogRequestSummaryLogger)
        # The application has no registry of its own, only the default one.
        clear_checks()
        app.check, app.checks = default_registry.register, default_registry
        self.application = self.served = app

    @classmethod
    def close(cls) -> None:
        """Remove the checks from the default registry, and reset the logger."""
        clear_checks()
        cls.reset_logger()

    @staticmethod
    def reset_logger() -> None:
        """Reset the logger that the middleware has set up."""
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
