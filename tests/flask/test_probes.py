"""Probes pass the guards of an application, and report a failing Redis client."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import flask
import pytest
import redis

from dockerflow_mw.flask import Dockerflow, checks
from tests.flask.site import make_app, report, server_of

PROBES = ("/__lbheartbeat__", "/__heartbeat__", "/__version__")


@pytest.fixture
def app(tmp_path: Path) -> flask.Flask:
    (tmp_path / "version.json").write_text("{}")
    made = make_app()
    Dockerflow(made, version_path=tmp_path)
    return made


def statuses(app: flask.Flask, **asked: Any) -> list[int]:
    return [server_of(app).ask(path, **asked).status for path in PROBES]


@pytest.mark.parametrize(
    "config",
    [
        {"TRUSTED_HOSTS": ["example.com"]},
        {"SERVER_NAME": "example.com"},
        {"SERVER_NAME": "example.com", "APPLICATION_ROOT": "/app"},
    ],
)
@pytest.mark.filterwarnings("ignore:Current server name")  # Werkzeug's advice
def test_host_checks_let_probes_through(
    app: flask.Flask, config: dict[str, Any]
) -> None:
    app.config |= config
    app.subdomain_matching = True
    assert statuses(app, headers={"Host": "10.0.0.7:8000"}) == [200] * 3


def test_host_matching_lets_probes_through(tmp_path: Path) -> None:
    (tmp_path / "version.json").write_text("{}")
    app = flask.Flask("site", host_matching=True, static_host="example.com")
    Dockerflow(app, version_path=tmp_path)
    assert statuses(app, headers={"Host": "10.0.0.7"}) == [200] * 3


def test_redirects_to_https_let_probes_through(app: flask.Flask) -> None:
    @app.before_request
    def redirect() -> Any:
        return flask.redirect(flask.request.url.replace("http:", "https:"), 301)

    assert server_of(app).ask("/").status == 301
    assert statuses(app) == [200] * 3


def test_the_start_up_record_and_flask_routes_list_the_endpoints(
    app: flask.Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    app.extensions["dockerflow"].check(lambda: None, name="db")
    for path in ("/__lbheartbeat__", "/__heartbeat__", "/__heartbeat__"):
        server_of(app).ask(path)
    (record,) = (r for r in caplog.records if r.name == "dockerflow.middleware")
    assert record.endpoints == [*reversed(PROBES[1:]), PROBES[0], "/__error__"]  # type: ignore[attr-defined]
    assert record.checks == ["db"]  # type: ignore[attr-defined]
    # The command "flask routes" prints these rules.
    shown = {rule.rule: rule.endpoint for rule in app.url_map.iter_rules()}
    assert [shown[path] for path in PROBES] == [
        f"dockerflow.{path.strip('_/')}" for path in PROBES
    ]


def test_guards_of_the_application_let_probes_through(app: flask.Flask) -> None:
    def refuse() -> Any:
        return "who are you?", 401

    app.before_request(refuse)
    assert server_of(app).ask("/").status == 401
    assert statuses(app) == [200] * 3


class Down:
    """A Redis client that raises."""

    def ping(self) -> None:
        raise self.error

    def __init__(self, error: Exception) -> None:
        self.error = error


ERRORS = [
    redis.ConnectionError("refused"),
    redis.TimeoutError("late"),
    redis.ResponseError("LOADING"),
    OSError("no route"),
    RuntimeError("odd"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_any_exception_of_a_redis_client_fails_the_check(error: Exception) -> None:
    app = make_app()
    Dockerflow(app, redis=Down(error))
    status, body = report(app)
    assert (status, body["checks"]) == (500, {"check_redis_connected": "error"})


def test_a_missing_redis_client_fails_the_check() -> None:
    app = make_app()
    Dockerflow(app).init_check(checks.check_redis_connected, None)
    assert report(app)[0] == 500
