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

Settings are attributes of ``app.state`` by their names as environment variables, over
those variables. They may be made while the application starts, in its lifespan.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dockerflow_mw.fastapi.views import error as error
    from dockerflow_mw.fastapi.views import heartbeat as heartbeat
    from dockerflow_mw.fastapi.views import lbheartbeat as lbheartbeat
    from dockerflow_mw.fastapi.views import router as router
    from dockerflow_mw.fastapi.views import version as version

__all__ = ["error", "heartbeat", "lbheartbeat", "router", "version"]


def __getattr__(name: str) -> Any:
    # Not imported before they are asked for: the middlewares need Starlette alone.
    if name in __all__:
        from dockerflow_mw.fastapi import views

        return getattr(views, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
