"""FastAPI and Starlette: a router with the endpoints, and two middlewares.

In the module of the application::

    from dockerflow_mw import checks
    from dockerflow_mw.fastapi import router
    from dockerflow_mw.fastapi.middleware import (
        MozlogRequestSummaryLogger,
        RequestIdMiddleware,
    )

    app = FastAPI()
    app.state.APP_DIR = Path(__file__).parent
    app.include_router(router)
    app.add_middleware(RequestIdMiddleware)
    app.add_middleware(MozlogRequestSummaryLogger)

    @checks.register
    async def database() -> None:
        await engine.connect()

Settings are attributes of ``app.state`` with the names of the environment variables,
and go before these. They are read once: at the end of the application's start-up, or at
the first request. An invalid setting stops the start; without a start-up it is logged
as CRITICAL, and the defaults are in force.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dockerflow_mw.fastapi.views import error as error
    from dockerflow_mw.fastapi.views import heartbeat as heartbeat
    from dockerflow_mw.fastapi.views import lbheartbeat as lbheartbeat
    from dockerflow_mw.fastapi.views import router as router
    from dockerflow_mw.fastapi.views import version as version

__all__ = ["error", "heartbeat", "lbheartbeat", "router", "version"]


def __getattr__(name: str) -> Any:
    # Imported late: the middlewares work with Starlette alone.
    if name in __all__:
        from dockerflow_mw.fastapi import views

        return getattr(views, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
