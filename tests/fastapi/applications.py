"""FastAPI applications for the tests."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from dockerflow_mw.fastapi import router
from dockerflow_mw.fastapi.middleware import (
    MozlogRequestSummaryLogger,
    RequestIdMiddleware,
)

PATHS = ("/__version__", "/__heartbeat__", "/__lbheartbeat__")


def complete(**state: Any) -> FastAPI:
    """Return an application with the router and both middlewares.

    Args:
        state: the attributes of ``app.state``.
    """
    app = router_alone(**state)
    app.add_middleware(RequestIdMiddleware)
    app.add_middleware(MozlogRequestSummaryLogger)
    return app


def router_alone(**state: Any) -> FastAPI:
    """Return an application with the router and without the middlewares."""
    app = FastAPI()
    app.include_router(router)
    for name, value in state.items():
        setattr(app.state, name, value)
    return app
