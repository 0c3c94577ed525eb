"""Factories of the served applications: bare, ours, and python-dockerflow's.

The ordinary application uses a framework. One page shows twenty articles from a
database in a template, another page shows articles from memory. The other applications
respond with two words, or with an empty body.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jinja2 import Environment
from sqlalchemy import create_engine, orm, select

from tests.benchmarks import logs
from tests.benchmarks.asgi import page as asgi_page
from tests.benchmarks.wsgi import page as wsgi_page

# The headers of lbheartbeat. Another number of headers would change the ratio.
ALIVE = (
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Content-Length", "0"),
    ("Cache-Control", "no-store"),
)

TEMPLATE = """\
<!doctype html>
<title>Articles</title>
<table>
{% for article in articles %}
<tr><td>{{ article.number }}<td>{{ article.title }}<td>{{ article.author }}
{% endfor %}
</table>
"""


class Base(orm.DeclarativeBase):
    """The declarative base of the articles."""


class Article(Base):
    """An article."""

    __tablename__ = "articles"

    number: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    title: orm.Mapped[str]
    author: orm.Mapped[str]


def some_articles() -> list[Article]:
    """Return twenty articles."""
    author = "A. N. Author"
    numbers = range(1, 21)
    return [Article(number=n, title=f"No. {n} <new>", author=author) for n in numbers]


def database() -> Callable[[], Sequence[Article]]:
    """Create a database in the working directory, and return its reader."""
    engine = create_engine("sqlite:///articles.db")
    Base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.add_all(some_articles())
        session.commit()

    def read() -> Sequence[Article]:
        with orm.Session(engine) as session:
            return session.scalars(select(Article).order_by(Article.number)).all()

    return read


def wrapped(app: Any) -> Any:
    """Return an application in the middleware, with log lines to the null device."""
    from dockerflow_mw import DockerflowMiddleware

    logs.log_to(logs.our_stream)
    return DockerflowMiddleware(app)


def fastapi_app() -> Any:
    """Return the ordinary application in FastAPI."""
    from fastapi import FastAPI
    from fastapi.responses import HTMLResponse

    app, template = FastAPI(), Environment(autoescape=True).from_string(TEMPLATE)
    read, known = database(), some_articles()

    @app.get("/", response_class=HTMLResponse)
    def articles() -> str:
        return template.render(articles=read())

    @app.get("/known", response_class=HTMLResponse)
    async def known_articles() -> str:
        return template.render(articles=known)

    return app


def flask_app() -> Any:
    """Return the ordinary application in Flask."""
    from flask import Flask, render_template

    app = Flask(__name__)
    # Flask compiles a template in a file once; this is the same for a string.
    template = app.jinja_env.from_string(TEMPLATE)
    read, known = database(), some_articles()

    @app.get("/")
    def articles() -> str:
        return render_template(template, articles=read())

    @app.get("/known")
    def known_articles() -> str:
        return render_template(template, articles=known)

    return app


def asgi_bare() -> Any:
    """Return the bare ASGI application."""
    return asgi_page


def asgi_empty() -> Any:
    """Return the bare ASGI application with the response of lbheartbeat."""
    encoded = [(name.lower().encode(), value.encode()) for name, value in ALIVE]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = list(encoded)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    return app


def asgi_ours() -> Any:
    """Return the ASGI application in the middleware."""
    return wrapped(asgi_page)


def asgi_ordinary_bare() -> Any:
    """Return the ordinary ASGI application."""
    return fastapi_app()


def asgi_ordinary_ours() -> Any:
    """Return the ordinary ASGI application in the middleware."""
    return wrapped(fastapi_app())


def asgi_ordinary_theirs() -> Any:
    """Return the ordinary ASGI application with python-dockerflow."""
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
    """Return the bare WSGI application."""
    return wsgi_page


def wsgi_empty() -> Any:
    """Return the bare WSGI application with the response of lbheartbeat."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", list(ALIVE))
        return [b""]

    return app


def wsgi_ours() -> Any:
    """Return the WSGI application in the middleware."""
    return wrapped(wsgi_page)


def wsgi_ordinary_bare() -> Any:
    """Return the ordinary WSGI application."""
    return flask_app()


def wsgi_ordinary_ours() -> Any:
    """Return the ordinary WSGI application in the middleware."""
    return wrapped(flask_app())


def wsgi_ordinary_theirs() -> Any:
    """Return the ordinary WSGI application with python-dockerflow."""
    from dockerflow.flask import Dockerflow

    logs.log_to(logs.their_stream)
    app = flask_app()
    Dockerflow(app)
    return app
