"""Needs and defects, by the numbers and names that they were found under."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

import flask
import pytest
import redis

from dockerflow_mw.flask import Dockerflow, checks
from dockerflow_mw.request_id import request_id_context
from tests.flask.site import Records, make_app, report, server_of

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
def test_need_47_a_probe_may_call_the_service_by_its_address(
    app: flask.Flask, config: dict[str, Any]
) -> None:
    app.config |= config
    app.subdomain_matching = True
    assert statuses(app, headers={"Host": "10.0.0.7:8000"}) == [200] * 3


def test_need_47_where_hosts_are_matched(tmp_path: Path) -> None:
    (tmp_path / "version.json").write_text("{}")
    app = flask.Flask("site", host_matching=True, static_host="example.com")
    Dockerflow(app, version_path=tmp_path)
    assert statuses(app, headers={"Host": "10.0.0.7"}) == [200] * 3


def test_need_48_a_probe_is_not_sent_to_https(app: flask.Flask) -> None:
    @app.before_request
    def redirect() -> Any:
        return flask.redirect(flask.request.url.replace("http:", "https:"), 301)

    assert server_of(app).ask("/").status == 301
    assert statuses(app) == [200] * 3


def test_need_49_head_is_answered_as_get_is(app: flask.Flask) -> None:
    assert statuses(app, method="HEAD") == [200] * 3
    assert statuses(app, method="POST") == [405] * 3


def test_need_50_lbheartbeat_is_200_and_says_that_it_is_empty(
    app: flask.Flask,
) -> None:
    answer = server_of(app).ask("/__lbheartbeat__")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == "0"


@pytest.mark.parametrize(
    ("path", "root", "status"),
    [
        ("/__lbheartbeat__", "/app", 200),
        ("/__lbheartbeat__/", "/app", 200),
        ("/x/__lbheartbeat__", "", 404),
        ("/__lbheartbeat__x", "", 404),
    ],
)
def test_need_52_the_path_is_the_one_below_the_mount_point(
    app: flask.Flask, path: str, root: str, status: int
) -> None:
    assert server_of(app).ask(path, root=root).status == status


def test_need_54_it_can_be_found_where_the_endpoints_come_from(
    app: flask.Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    app.extensions["dockerflow"].check(lambda: None, name="db")
    for path in ("/__lbheartbeat__", "/__heartbeat__", "/__heartbeat__"):
        server_of(app).ask(path)
    (record,) = (r for r in caplog.records if r.name == "dockerflow.middleware")
    assert record.endpoints == [*reversed(PROBES[1:]), PROBES[0], "/__error__"]  # type: ignore[attr-defined]
    assert record.checks == ["db"]  # type: ignore[attr-defined]
    # As "flask routes" shows them.
    shown = {rule.rule: rule.endpoint for rule in app.url_map.iter_rules()}
    assert [shown[path] for path in PROBES] == [
        f"dockerflow.{path.strip('_/')}" for path in PROBES
    ]


def test_need_55_nobody_has_to_let_a_probe_in(app: flask.Flask) -> None:
    def refuse() -> Any:
        return "who are you?", 401

    app.before_request(refuse)
    app.before_request_funcs[None].insert(1, refuse)
    assert server_of(app).ask("/").status == 401
    assert statuses(app) == [200] * 3


def test_e2_no_request_has_the_id_of_the_one_before(
    app: flask.Flask, summaries: Records
) -> None:
    for path in ("/boom", "/__heartbeat__", "/", "/__lbheartbeat__", "/missing"):
        server_of(app).ask(path)
        assert request_id_context.get() is None
    assert len({r.rid for r in summaries()}) == 5


@pytest.mark.parametrize("content", ["{", "[]", "null", ""])
def test_e10_b8_a_malformed_version_is_no_traceback(
    app: flask.Flask, tmp_path: Path, content: str
) -> None:
    (tmp_path / "version.json").write_text(content)
    answer = server_of(app).ask("/__version__")
    assert answer.status == 500
    assert json.loads(answer.body) == {"error": "The version object cannot be read."}


def test_f_a_check_on_a_thread_has_the_id_of_the_probe(app: flask.Flask) -> None:
    seen = []

    @checks.register
    def check() -> None:
        seen.append((threading.current_thread().name, request_id_context.get()))

    server_of(app).ask("/__heartbeat__", headers={"X-Request-ID": "probe-1"})
    checks.clear_checks()
    assert seen == [("dockerflow-check-check", "probe-1")]


@pytest.mark.parametrize(
    ("status", "errno", "level"),
    [
        (200, 0, logging.INFO),
        (302, 0, logging.INFO),
        (400, 0, logging.INFO),
        (404, 0, logging.INFO),
        (500, 500, logging.ERROR),
        (503, 503, logging.ERROR),
    ],
)
@pytest.mark.parametrize("aborts", [False, True])
def test_g_h_what_a_view_answers_is_logged_for_what_it_is(
    app: flask.Flask,
    summaries: Records,
    status: int,
    errno: int,
    level: int,
    aborts: bool,
) -> None:
    def view() -> Any:
        if aborts and status >= 400:
            flask.abort(status)
        return "", status

    app.view_functions["index"] = view
    server_of(app).ask("/")
    (record,) = summaries()
    assert (record.code, record.errno, record.levelno) == (status, errno, level)
    assert record.exc_info is None


class Down:
    """A client of a server that fails in ways that its library has no word for."""

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
def test_i1_a_redis_that_fails_in_any_way_is_a_report(error: Exception) -> None:
    app = make_app()
    Dockerflow(app, redis=Down(error))
    status, body = report(app)
    assert (status, body["checks"]) == (500, {"check_redis_connected": "error"})


def test_i1_without_a_client_there_is_a_report() -> None:
    app = make_app()
    Dockerflow(app).init_check(checks.check_redis_connected, None)
    assert report(app)[0] == 500
