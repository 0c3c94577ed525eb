"""The application in the WSGI frameworks."""

from __future__ import annotations

from typing import Any, NoReturn

from tests.frameworks import PAGE, boom


def flask() -> Any:
    from flask import Flask, Response

    app = Flask(__name__)

    @app.get("/page")
    def page() -> Response:
        return Response(PAGE, mimetype="text/plain")

    app.get("/boom")(boom)
    return app


def falcon() -> Any:
    import falcon

    class Page:
        def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
            response.content_type = falcon.MEDIA_TEXT
            response.data = PAGE

    class Boom:
        def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
            boom()

    app = falcon.App()
    app.add_route("/page", Page())
    app.add_route("/boom", Boom())
    return app


def bottle() -> Any:
    import bottle

    app = bottle.Bottle()

    @app.get("/page")
    def page() -> bytes:
        bottle.response.content_type = "text/plain"
        return PAGE

    app.get("/boom")(boom)
    return app


def pyramid() -> Any:
    from pyramid.config import Configurator
    from pyramid.response import Response

    def page(request: object) -> Response:
        return Response(PAGE, content_type="text/plain")

    def fail(request: object) -> NoReturn:
        boom()

    with Configurator() as configurator:
        for name, view in (("page", page), ("boom", fail)):
            configurator.add_route(name, f"/{name}")
            configurator.add_view(view, route_name=name)
        return configurator.make_wsgi_app()
