"""The endpoints as routes of FastAPI."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from dockerflow_mw import summary
from dockerflow_mw.endpoints import ERROR, HEARTBEAT, LBHEARTBEAT, VERSION
from dockerflow_mw.fastapi.service import service_of
from dockerflow_mw.protocols.asgi import request_from
from dockerflow_mw.settings import SettingsError

__all__ = ["error", "heartbeat", "lbheartbeat", "router", "version"]


async def version(request: Request) -> Response:
    """Return the version object."""
    return await _respond(request, VERSION)


async def heartbeat(request: Request) -> Response:
    """Run the checks and return their results."""
    return await _respond(request, HEARTBEAT)


async def lbheartbeat(request: Request) -> Response:
    """Return an empty response, without any check."""
    return await _respond(request, LBHEARTBEAT)


async def error(request: Request) -> Response:
    """Raise a test exception, to test error reporting."""
    return await _respond(request, ERROR)


async def _respond(request: Request, path: str) -> Response:
    current = summary.current()
    if current is not None:
        current.probe = True
    service = service_of(request.app)
    if path != LBHEARTBEAT:
        service.start()
    endpoint = service.endpoints.get(path)
    if endpoint is None:
        raise HTTPException(404)
    response = await endpoint.aanswer(request_from(request.scope))
    return Response(response.body, response.status, dict(response.headers))


def _route(
    path: str,
    view: Callable[..., Any],
    descriptions: dict[int, str],
    response_class: type[Response] = Response,
) -> APIRoute:
    return APIRoute(
        path,
        view,
        methods=["GET", "HEAD"],
        status_code=next(iter(descriptions)),
        response_class=response_class,
        responses={code: {"description": d} for code, d in descriptions.items()},
    )


_VERSION = {
    200: "The version object, as version.json has it.",
    404: "There is no version object.",
    500: "The version object cannot be read.",
}
_HEARTBEAT = {
    200: "No check fails.",
    500: "A check fails. A setting may replace this status.",
}
_LBHEARTBEAT = {200: "The process answers; the body is empty."}
_ERROR = {
    500: "The test exception.",
    401: "The bearer token is missing or wrong.",
    404: "The endpoint is turned off.",
}


@contextlib.asynccontextmanager
async def _lifespan(app: Any) -> AsyncIterator[None]:
    # FastAPI enters it after the application's own lifespan, which may set settings.
    mistake = service_of(app).start()
    if mistake is not None:
        raise SettingsError(mistake)
    yield


router = APIRouter(
    # `routes` do not inherit these tags, as in python-dockerflow. OpenAPI shows the
    # tags of `include_router` only.
    tags=["Dockerflow"],
    lifespan=_lifespan,
    routes=[
        _route(LBHEARTBEAT, lbheartbeat, _LBHEARTBEAT),
        _route(HEARTBEAT, heartbeat, _HEARTBEAT, JSONResponse),
        _route(VERSION, version, _VERSION, JSONResponse),
        _route(ERROR, error, _ERROR),
    ],
)
"""The routes of the endpoints, for ``app.include_router``, with any prefix."""
