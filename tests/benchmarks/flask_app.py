"""Time that a package adds to a Flask request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import flask
from dockerflow.flask import Dockerflow as Peer
from flask_login import LoginManager

from dockerflow_mw import DockerflowMiddleware
from dockerflow_mw.flask import Dockerflow
from tests.benchmarks import logs
from tests.benchmarks.measure import PEER, Effort, interleaved, within
from tests.benchmarks.table import BOUNDS, Row
from tests.benchmarks.wsgi import calls


def make_app() -> Any:
    """Return an application with one page."""
    app = flask.Flask(__name__)
    app.add_url_rule("/page", "page", lambda: "a page")
    return app


def extended(extension: Any) -> Any:
    """Return an application with an extension."""
    app = make_app()
    extension(app)
    return app


def with_visitors(extension: Any = None) -> Any:
    """Return an application with Flask-Login, and an extension if one is given."""
    app = make_app()
    app.secret_key = "secret"
    LoginManager(app).user_loader(lambda user_id: None)
    if extension is not None:
        extension(app)
    return app


def rows(effort: Effort) -> Iterator[Row]:
    """Yield the rows of this topic."""
    bare, mine, theirs = make_app(), extended(Dockerflow), extended(Peer)
    wrapped: Any = DockerflowMiddleware(make_app())
    path = "/__lbheartbeat__"
    samples = interleaved(
        {
            "bare": calls(bare),
            "ours": within(logs.ours, calls(mine)),
            "wrapped": within(logs.ours, calls(wrapped)),
            PEER: within(logs.theirs, calls(theirs)),
            "ours, handler": within(logs.our_handler, calls(mine)),
            "their handler": within(logs.their_handler, calls(theirs)),
            "bare, visitors": calls(with_visitors()),
            "our visitors": within(logs.ours, calls(with_visitors(Dockerflow))),
            "their visitors": within(logs.theirs, calls(with_visitors(Peer))),
            "our heart": within(logs.ours, calls(mine, path)),
            "their heart": within(logs.theirs, calls(theirs, path)),
        },
        effort,
    )
    what = "Flask, a summary written"
    yield samples.row(what, bound=BOUNDS[what])
    yield samples.row(
        f"{what}, by each one's MozlogHandler",
        ours="ours, handler",
        theirs="their handler",
        beside=PEER,
    )
    yield samples.row(f"{what}, by the middleware around it", ours="wrapped")
    yield samples.row(
        "Flask with Flask-Login, a summary of a visitor's request",
        ours="our visitors",
        theirs="their visitors",
        beside=PEER,
        bare="bare, visitors",
    )
    yield samples.row(
        "Flask, lbheartbeat, the whole call",
        ours="our heart",
        theirs="their heart",
        beside=PEER,
        bare=None,
    )
