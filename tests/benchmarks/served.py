"""What the servers serve, each made by a function: bare, ours, and python-dockerflow's.

The ordinary application is one of a framework, with a page of twenty articles that is
made of a template; the other one answers two words.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from jinja2 import Environment

from tests.benchmarks import logs
from tests.benchmarks.asgi import page as asgi_page
from tests.benchmarks.wsgi import page as wsgi_page

TEMPLATE = """\
<!doctype html>
<title>Articles</title>
<table>
{% for article in articles %}
<tr><td>{{ article.number }}<td>{{ article.title }}<td>{{ article.author }}
{% endfor %}
</table>
"""


@dataclasses.dataclass
class Article:
    """An article."""

    number: int
    title: str
    author: str


ARTICLES = [Article(n, f"The {n}th <article>", "A. N. Author") for n in range(20)]


def wrapped(app: Any) -> Any:
    """Put the middleware in front of an application, its lines on the null device."""
    from dockerflow_mw import DockerflowMiddleware

    logs.log_to(logs.our_stream)
    return DockerflowMiddleware(app)


def fastapi_app() -> Any:
    """Make the ordinary application in FastAPI."""
    from fastapi import FastAPI
    from fastapi.responses import HTMLResponse

    app, template = FastAPI(), Environment(autoescape=True).from_string(TEMPLATE)

    @app.get("/", response_class=HTMLResponse)
    async def articles() -> str:
        return template.render(articles=ARTICLES)

    return app


def flask_app() -> Any:
    """Make the ordinary application in Flask."""
    from flask import Flask, render_template

    app = Flask(__name__)
    # Once, as it is with templates in files.
    template = app.jinja_env.from_string(TEMPLATE)

    @app.get("/")
    def articles() -> str:
        return render_template(template, articles=ARTICLES)

    return app


def asgi_bare() -> Any:
    """Give the bare ASGI application."""
    return asgi_page


def asgi_ours() -> Any:
    """Give the wrapped ASGI application."""
    return wrapped(asgi_page)


def asgi_ordinary_bare() -> Any:
    """Give the ordinary ASGI application."""
    return fastapi_app()


def asgi_ordinary_ours() -> Any:
    """Give the ordinary ASGI application, wrapped."""
    return wrapped(fastapi_app())


def asgi_ordinary_theirs() -> Any:
    """Give the ordinary ASGI application with python-dockerflow."""
    from dockerflow.fastapi import router
    from dockerflow.fastapi.middleware import (
        MozlogRequestSummaryLogger,
        RequestIdMiddleware,
    )

    logs.log_to(logs.their_stream)
    app = fastapi_app()
    app.include_router(router)
    app.add_middleware(RequestIdMiddleware)
    app.add_middleware(MozlogRequestSummaryLogger, logger=logs.logger)
    return app


def wsgi_bare() -> Any:
    """Give the bare WSGI application."""
    return wsgi_page


def wsgi_ours() -> Any:
    """Give the wrapped WSGI application."""
    return wrapped(wsgi_page)


def wsgi_ordinary_bare() -> Any:
    """Give the ordinary WSGI application."""
    return flask_app()


def wsgi_ordinary_ours() -> Any:
    """Give the ordinary WSGI application, wrapped."""
    return wrapped(flask_app())


def wsgi_ordinary_theirs() -> Any:
    """Give the ordinary WSGI application with python-dockerflow."""
    from dockerflow.flask import Dockerflow

    logs.log_to(logs.their_stream)
    app = flask_app()
    Dockerflow(app)
    return app
