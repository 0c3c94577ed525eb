"""The application in the ASGI frameworks."""

from __future__ import annotations

import itertools
from typing import Any, NoReturn

from tests.frameworks import PAGE, boom

_numbers = itertools.count()


def starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse(PAGE)

    async def fail(request: Request) -> NoReturn:
        boom()

    return Starlette(routes=[Route("/page", page), Route("/boom", fail)])


def fastapi() -> Any:
    from fastapi import FastAPI
    from fastapi.responses import PlainTextResponse

    app = FastAPI()

    @app.get("/page", response_class=PlainTextResponse)
    async def page() -> str:
        return PAGE.decode()

    @app.get("/boom")
    async def fail() -> None:
        boom()

    return app


def quart() -> Any:
    from quart import Quart, Response

    app = Quart(__name__)

    @app.get("/page")
    async def page() -> Response:
        return Response(PAGE, mimetype="text/plain")

    @app.get("/boom")
    async def fail() -> NoReturn:
        boom()

    return app


def litestar() -> Any:
    from litestar import Litestar, MediaType, get

    @get("/page", media_type=MediaType.TEXT)
    async def page() -> bytes:
        return PAGE

    @get("/boom")
    async def fail() -> NoReturn:
        boom()

    return Litestar([page, fail], logging_config=None)


def falcon() -> Any:
    import falcon
    import falcon.asgi

    class Page:
        async def on_get(self, request: Any, response: Any) -> None:
            response.content_type = falcon.MEDIA_TEXT
            response.data = PAGE

    class Boom:
        async def on_get(self, request: Any, response: Any) -> None:
            boom()

    app = falcon.asgi.App()
    app.add_route("/page", Page())
    app.add_route("/boom", Boom())
    return app


def sanic() -> Any:
    from sanic import HTTPResponse, Request, Sanic

    # Sanic refuses a second application with the same name.
    app = Sanic(f"site-{next(_numbers)}", configure_logging=False)
    # Sanic rewrites its own methods at the start, which fails at the second start.
    app.config.TOUCHUP = False

    @app.get("/page")
    async def page(request: Request) -> HTTPResponse:
        return HTTPResponse(PAGE, content_type="text/plain")

    @app.get("/boom")
    async def fail(request: Request) -> NoReturn:
        boom()

    return app
