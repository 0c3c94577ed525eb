"""The endpoints as FastAPI's routes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.convertors import Convertor, register_url_convertor

from dockerflow_mw.fastapi.front import front_of
from dockerflow_mw.protocols.asgi import SCOPE_KEY, request_of

_LEVELS = ["ok", "debug", "info", "warning", "error", "critical"]

_HEARTBEAT: dict[str, Any] = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "status": {"type": "string", "enum": _LEVELS},
        "checks": {
            "type": "object",
            "additionalProperties": {"type": "string", "enum": _LEVELS},
        },
        "details": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["status", "level", "messages"],
                "properties": {
                    "status": {"type": "string", "enum": _LEVELS},
                    "level": {"type": "integer"},
                    "messages": {
                        "type": "object",
                        "additionalProperties": {"type": "string"},
                    },
                },
            },
        },
    },
}
_VERSION: dict[str, Any] = {
    "type": "object",
    "properties": {
        name: {"type": ["string", "null"]}
        for name in ("source", "version", "commit", "build")
    },
    "additionalProperties": True,
}
_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string"}},
}


async def version(request: Request) -> Response:
    """Answer with the version object."""
    return await _respond(request, "/__version__")


async def heartbeat(request: Request) -> Response:
    """Run the checks and answer with what they came to."""
    return await _respond(request, "/__heartbeat__")


async def lbheartbeat(request: Request) -> Response:
    """Answer that the process is there, whatever the state of what it needs."""
    return await _respond(request, "/__lbheartbeat__")


async def error(request: Request) -> Response:
    """Raise an exception, so that the reporting of errors can be tried out."""
    return await _respond(request, "/__error__")


async def _any_endpoint(request: Request) -> Response:
    return await _respond(request, request.path_params["endpoint"])


async def _respond(request: Request, path: str) -> Response:
    record = request.scope.get(SCOPE_KEY)
    if record is not None:
        record.probe = True
    endpoint = front_of(request.app).endpoints.get(path)
    if endpoint is None:
        raise HTTPException(404)
    reply = await endpoint.aanswer(request_of(request.scope))
    return Response(reply.body, reply.status, dict(reply.headers))


class _EndpointConvertor(Convertor[str]):
    # With a slash at the end as well, which Starlette would answer with a redirect.
    regex = "(?:version|heartbeat|lbheartbeat|error)__/?"

    def convert(self, value: str) -> str:
        return f"/__{value.rstrip('/')}"

    def to_string(self, value: str) -> str:
        return value.removeprefix("/__")


def _answers(description: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    if schema is None:
        return {"description": description}
    content = {"application/json": {"schema": schema}}
    return {"description": description, "content": content}


@contextlib.asynccontextmanager
async def _lifespan(app: Any) -> AsyncIterator[None]:
    # FastAPI runs it inside of the application's own, where settings may be made.
    front_of(app, may_refuse=True)
    yield


def _make_router() -> APIRouter:
    router = APIRouter(default_response_class=Response, lifespan=_lifespan)
    router.add_api_route(
        "/__version__",
        version,
        responses={
            200: _answers("The version object, as it is in version.json.", _VERSION),
            404: _answers("There is no version object.", _ERROR),
            500: _answers("The version object cannot be read.", _ERROR),
        },
    )
    router.add_api_route(
        "/__heartbeat__",
        heartbeat,
        responses={
            200: _answers("No check fails; some may warn.", _HEARTBEAT),
            "5XX": _answers("A check fails.", _HEARTBEAT),
        },
    )
    router.add_api_route(
        "/__lbheartbeat__",
        lbheartbeat,
        responses={200: _answers("The process answers; the body is empty.")},
    )
    router.add_api_route(
        "/__error__",
        error,
        status_code=500,
        responses={
            401: _answers("The bearer token that is asked for is not there."),
            404: _answers("The endpoint is turned off."),
            500: _answers("The test exception was raised."),
        },
    )
    # GET and HEAD as routes of FastAPI, for they have the dependencies of the router.
    register_url_convertor("dockerflow_endpoint", _EndpointConvertor())
    rest = "/__{endpoint:dockerflow_endpoint}"
    router.add_api_route(
        rest, _any_endpoint, methods=["GET", "HEAD"], include_in_schema=False
    )
    # To Starlette, a route that names no methods has them all.
    router.add_route(rest, _any_endpoint, methods=[], include_in_schema=False)
    # Not before, because the routes are to have no tags but those of include_router.
    router.tags = ["Dockerflow"]
    return router


router = _make_router()
"""The routes of the endpoints, for ``app.include_router``, with any prefix."""
