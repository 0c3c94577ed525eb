"""The extension: how it is set up, and what it offers."""

from __future__ import annotations

import gc
import inspect
import json
import logging
import os
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import flask
import pytest

import dockerflow_mw.flask.app
from dockerflow_mw import checks, signals, summary
from dockerflow_mw.flask import Dockerflow
from dockerflow_mw.flask import checks as flask_checks
from dockerflow_mw.flask import signals as flask_signals
from dockerflow_mw.request_id import request_id_context
from dockerflow_mw.settings import SettingsError
from tests.flask.site import Records, dockerflow_of, make_app, report, server_of

TOKEN = "a-token-of-some-length"


def test_the_public_names_are_those_of_python_dockerflow() -> None:
    assert dockerflow_mw.flask.app.Dockerflow is Dockerflow
    assert list(inspect.signature(Dockerflow).parameters) == [
        *("app", "db", "redis", "migrate", "silenced_checks", "version_path"),
    ]
    assert flask_checks.register == checks.register
    assert flask_checks.register_partial == checks.register_partial
    assert flask_signals.heartbeat_passed is signals.heartbeat_passed
    dockerflow = Dockerflow()
    assert dockerflow.logger.name == "dockerflow.flask"
    assert dockerflow.summary_logger.name == "request.summary"


def test_an_unknown_argument_raises_a_type_error() -> None:
    with pytest.raises(TypeError, match="versoin_path"):
        Dockerflow(versoin_path="/app")  # type: ignore[call-arg]


def test_the_application_lists_the_extension() -> None:
    app = make_app()
    dockerflow = Dockerflow(app)
    assert app.extensions["dockerflow"] is dockerflow


def test_a_second_extension_of_an_application_raises_an_error() -> None:
    app = make_app()
    Dockerflow(app)
    with pytest.raises(ValueError, match="'site' has Dockerflow already; init once"):
        Dockerflow(app)


@pytest.mark.parametrize("app", ["app", flask.Blueprint("b", __name__)])
def test_another_object_than_an_application_raises_a_type_error(app: Any) -> None:
    with pytest.raises(TypeError, match="Dockerflow takes a Flask application; "):
        Dockerflow(app)


def test_an_invalid_setting_stops_the_start_with_a_sentence() -> None:
    app = make_app(DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE=200)
    sentence = "DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE is 200; it must be a whole"
    with pytest.raises(SettingsError, match=sentence):
        Dockerflow(app)
    assert "dockerflow" not in {*app.extensions, *app.blueprints}


def test_an_invalid_setting_after_init_app_is_logged_and_not_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = make_app(DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE=503)
    Dockerflow(app).check(lambda: False, name="x")
    app.config["DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE"] = "many"
    assert report(app)[0] == 503
    (record,) = (r for r in caplog.records if r.levelno == logging.CRITICAL)
    assert record.name == "dockerflow.middleware"
    assert record.getMessage().startswith("DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE is")


def test_settings_come_from_the_config_before_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE", "502")
    monkeypatch.setenv("DOCKERFLOW_DETAILS", "status")
    app = make_app(DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE=503)
    Dockerflow(app).check(lambda: False, name="x")
    assert report(app) == (503, {"status": "error"})


def test_settings_may_come_after_the_extension() -> None:
    app = make_app()
    Dockerflow(app).check(lambda: False, name="x")
    app.config["DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE"] = 503
    app.config["DOCKERFLOW_GROUPS"] = {"/__ready__": "x"}
    assert report(app)[0] == 503
    assert report(app, "/__ready__")[0] == 503


def test_checks_may_be_a_setting() -> None:
    app = make_app(DOCKERFLOW_CHECKS=["os.getpid"])
    Dockerflow(app)
    assert list(report(app)[1]["checks"]) == ["getpid"]


def test_the_checks_of_an_application_s_settings_are_its_own() -> None:
    dockerflow = Dockerflow()
    dockerflow.check(lambda: None, name="shared")
    one = make_app("one", DOCKERFLOW_CHECKS=["os.getpid"])
    two, three = make_app("two"), make_app("three", DOCKERFLOW_CHECKS=["os.getpid"])
    for app in (one, two, three):
        dockerflow.init_app(app)
    assert [list(report(app)[1]["checks"]) for app in (one, two, three)] == [
        ["shared", "getpid"],
        ["shared"],
        ["shared", "getpid"],
    ]


@pytest.mark.parametrize("path", ["/g/<x>", "/g/<int:x>/<", "/g/x>"])
def test_the_path_of_a_group_is_no_pattern(path: str) -> None:
    app = make_app(DOCKERFLOW_GROUPS={path: "enable"}, DOCKERFLOW_CHECKS=["gc.enable"])
    Dockerflow(app)
    assert report(app, quote(path))[0] == 200
    assert app.test_client().get("/g/y").status_code == 404


def test_the_silenced_checks_are_an_argument() -> None:
    app = make_app()
    dockerflow = Dockerflow(app, silenced_checks=["x.E1"])
    dockerflow.check(lambda: checks.Error("known", id="x.E1"), name="x")
    assert report(app)[1]["checks"] == {"x": "ok"}


def test_a_setting_configures_logging() -> None:
    code = (
        "from flask import Flask\n"
        "from dockerflow_mw.flask import Dockerflow\n"
        "app = Flask('app')\n"
        "app.config['DOCKERFLOW_CONFIGURE_LOGGING'] = True\n"
        "Dockerflow(app)\n"
        "app.test_client().get('/__heartbeat__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    kinds = [json.loads(line)["Type"] for line in done.stdout.splitlines()]
    assert kinds == ["request.summary"]


def test_one_extension_serves_several_applications(
    tmp_path: Path, summaries: Records
) -> None:
    dockerflow = Dockerflow()
    one, two = make_app("one"), make_app("two", DOCKERFLOW_LOG_PROBES="none")
    for app in (one, two):
        dockerflow.init_app(app)
    dockerflow.check(lambda: False, name="x")
    one.config["DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE"] = 503
    assert [report(app)[0] for app in (one, two)] == [503, 500]
    assert len(summaries()) == 1
    assert dockerflow_of(one) is dockerflow_of(two) is dockerflow


def test_applications_share_the_default_registry_and_nothing_else() -> None:
    one, two = make_app("one"), make_app("two")
    for app in (one, two):
        Dockerflow(app).check(lambda: None, name=app.name)
    checks.register(os.getpid, name="everybody")
    assert list(report(one)[1]["checks"]) == ["everybody", "one"]
    assert list(report(two)[1]["checks"]) == ["everybody", "two"]


def test_checks_run_inside_the_application_context() -> None:
    seen = []

    def sync_check() -> None:
        seen.append((flask.current_app.name, flask.g.request_id))

    async def async_check() -> None:
        seen.append((flask.current_app.name, flask.g.request_id))

    app = make_app()
    dockerflow = Dockerflow(app)
    dockerflow.check(sync_check)
    dockerflow.check(async_check)
    answer = app.test_client().get("/__heartbeat__", headers={"X-Request-ID": "r1"})
    assert answer.status_code == 200
    assert seen == [("site", "r1")] * 2


def test_a_check_has_a_context_of_its_own() -> None:
    torn_down = []
    app = make_app()
    dockerflow = Dockerflow(app)
    app.teardown_appcontext(lambda error: torn_down.append(flask.g.get("mine")))

    @dockerflow.check
    def check() -> None:
        flask.g.mine = "the check's"

    app.test_client().get("/__heartbeat__")
    assert torn_down == ["the check's"]


def test_init_check_registers_a_check_of_an_object() -> None:
    def is_three(number: int) -> list[checks.CheckMessage]:
        return [] if number == 3 else [checks.Error(f"{number}", id="three.E1")]

    app = make_app()
    dockerflow = Dockerflow(app)
    dockerflow.init_check(is_three, 4)
    status, body = report(app)
    assert (status, body["checks"]) == (500, {"is_three": "error"})
    assert body["details"]["is_three"]["messages"] == {"three.E1": "4"}


def test_the_version_file_is_in_the_folder_above_the_application(
    tmp_path: Path,
) -> None:
    (tmp_path / "version.json").write_text('{"version": "1"}')
    package = tmp_path / "package"
    package.mkdir()
    app = flask.Flask("app", root_path=str(package))
    Dockerflow(app)
    assert app.test_client().get("/__version__").get_json() == {"version": "1"}


def test_the_folder_of_the_version_file_is_an_argument(tmp_path: Path) -> None:
    (tmp_path / "version.json").write_text('{"version": "1"}')
    app = make_app()
    Dockerflow(app, version_path=str(tmp_path))
    assert app.test_client().get("/__version__").get_json() == {"version": "1"}


def test_a_version_callback_is_a_decorator(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()
    dockerflow = Dockerflow(app, version_path=tmp_path)

    @dockerflow.version_callback
    def version(folder: Path) -> dict[str, str]:
        return {"version": folder.name}

    client = app.test_client()
    assert client.get("/__version__").get_json() == {"version": tmp_path.name}
    # With a callback, a missing file deserves no warning.
    assert [r for r in caplog.records if r.name == "dockerflow.version"] == []
    assert version(Path("x")) == {"version": "x"}

    dockerflow.version_callback(lambda folder: {"version": "later"})
    assert client.get("/__version__").get_json() == {"version": "later"}


@pytest.mark.parametrize("path", ["/not/there", "relative", ".", Path("/a/v.json")])
def test_a_version_callback_receives_the_version_path_unchanged(path: Any) -> None:
    app, seen = make_app(), []
    dockerflow = Dockerflow(app, version_path=path)
    dockerflow.version_callback(lambda root: seen.append(root))
    app.test_client().get("/__version__")
    assert seen == [path]


def test_without_a_version_path_the_callback_receives_the_folder_above() -> None:
    app, seen = make_app(), []
    Dockerflow(app).version_callback(lambda root: seen.append(root))
    app.test_client().get("/__version__")
    assert seen == [os.path.dirname(app.root_path)]


def test_a_version_callback_that_exits_is_a_500() -> None:
    app = make_app()
    Dockerflow(app).version_callback(lambda root: sys.exit(3))
    assert app.test_client().get("/__version__").status_code == 500


def test_the_sender_of_the_signals_is_the_application() -> None:
    app, other, sent = make_app(), make_app("other"), []
    for each in (app, other):
        Dockerflow(each)

    @flask_signals.heartbeat_passed.connect_via(app)
    def passed(sender: flask.Flask, level: int, **extra: Any) -> None:
        sent.append((sender, level))

    for each in (other, app):
        report(each)
    assert sent == [(app, 0)]


def test_the_endpoints_have_urls() -> None:
    app = make_app(DOCKERFLOW_GROUPS={"/__ready__": "x", "/v1.0/ready": "x"})
    Dockerflow(app)
    with app.test_request_context():
        urls = {
            name: flask.url_for(f"dockerflow.{name}")
            for name in ("version", "heartbeat", "lbheartbeat", "error", "ready")
        }
        assert urls == {name: f"/__{name}__" for name in urls}
        assert flask.url_for("dockerflow.v1_0/ready") == "/v1.0/ready"


def test_functions_of_the_application_do_not_run_for_probes() -> None:
    seen = []
    app = make_app(DOCKERFLOW_GROUPS={"/__ready__": "x"})
    Dockerflow(app).check(os.getpid, name="x")

    @app.before_request
    def before() -> None:
        seen.append(flask.request.path)

    @app.after_request
    def after(response: flask.Response) -> flask.Response:
        seen.append(flask.request.path)
        return response

    for path in ("/__heartbeat__", "/__version__/", "/__ready__", "/__lbheartbeat__"):
        app.test_client().get(path)
    assert seen == []


def test_the_views_can_be_called_as_views() -> None:
    app = make_app()
    Dockerflow(app)
    with app.test_request_context("/__lbheartbeat__"):
        assert app.make_response(app.dispatch_request()).status_code == 200


def test_the_error_endpoint_raises_inside_the_view(summaries: Records) -> None:
    handled = []
    app = make_app()
    Dockerflow(app)

    @app.errorhandler(Exception)
    def handle(error: Exception) -> tuple[str, int]:
        handled.append((str(error), flask.request.endpoint))
        return "handled", 500

    answer = app.test_client().get("/__error__")
    assert (answer.status_code, answer.data) == (500, b"handled")
    text = "This is a test exception from the /__error__ endpoint."
    assert handled == [(text, "dockerflow.error")]


def test_an_unhandled_error_of_the_error_endpoint_is_logged(
    summaries: Records, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()
    Dockerflow(app)
    assert app.test_client().get("/__error__").status_code == 500
    said = [r.getMessage() for r in caplog.records if r.name == "dockerflow.error"]
    assert said == ["The __error__ endpoint was called"]
    (record,) = summaries()
    text = "This is a test exception from the /__error__ endpoint."
    assert (record.getMessage(), record.errno) == (text, 500)


def test_the_application_may_guard_the_error_endpoint() -> None:
    app = make_app()
    Dockerflow(app)

    @app.before_request
    def refuse() -> tuple[str, int]:
        return "no", 403

    assert app.test_client().get("/__error__").status_code == 403


@pytest.mark.parametrize(
    ("config", "headers", "status"),
    [
        ({"DOCKERFLOW_ERROR_ENDPOINT": False}, {}, 404),
        ({"DOCKERFLOW_ERROR_TOKEN": TOKEN}, {}, 401),
        ({"DOCKERFLOW_ERROR_TOKEN": TOKEN}, {"Authorization": f"Bearer {TOKEN}"}, 500),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_the_error_endpoint_can_be_turned_off_and_guarded(
    config: dict[str, Any], headers: dict[str, str], status: int, late: bool
) -> None:
    app = make_app(**({} if late else config))
    Dockerflow(app)
    app.config |= config
    assert app.test_client().get("/__error__", headers=headers).status_code == status


def test_error_handlers_leave_a_failing_heartbeat_alone() -> None:
    app = make_app()
    Dockerflow(app).check(lambda: checks.Error("down", id="x.E1"), name="x")
    for what in (500, Exception):
        app.register_error_handler(what, lambda error: ("handled", 200))
    status, body = report(app)
    assert status == 500
    assert body == {
        "status": "error",
        "checks": {"x": "error"},
        "details": {
            "x": {"status": "error", "level": 40, "messages": {"x.E1": "down"}}
        },
    }


class Tagged(Dockerflow):
    def summary_extra(self) -> dict[str, Any]:
        return {**super().summary_extra(), "tag": flask.request.endpoint}


class Named(Dockerflow):
    def user_id(self) -> str | None:
        return flask.request.headers.get("X-User")


class Masked(Dockerflow):
    def summary_extra(self) -> dict[str, Any]:
        extra = super().summary_extra()
        del extra["agent"]
        return {**extra, "path": "/***", "code": 299, "errno": 7, "uid": "u2"}


class Own(Dockerflow):
    def summary_extra(self) -> dict[str, Any]:
        return {"tag": "mine"}


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Tagged, {"tag": "index", "path": "/", "agent": "a/1", "errno": 0, "uid": ""}),
        (Named, {"uid": "u1", "path": "/"}),
        (
            Masked,
            {"path": "/***", "agent": "", "code": 200, "errno": 7, "uid": "u2"}
            | {"fields.code": 299},
        ),
        (Own, {"tag": "mine", "path": "", "agent": "", "lang": "", "code": 200}),
    ],
)
def test_subclasses_change_the_summary(
    summaries: Records, kind: type[Dockerflow], told: dict[str, Any]
) -> None:
    app = make_app(DOCKERFLOW_SUMMARY_LOG_QUERYSTRING=True)
    kind(app)
    headers = {"User-Agent": "a/1", "X-User": "u1", "Accept-Language": "de"}
    app.test_client().get("/?a=%2541", headers=headers)
    (record,) = summaries()
    assert vars(record) | told == vars(record)
    if kind is not Own:
        assert record.querystring == "a=%41"


def test_the_methods_of_an_extension_may_be_replaced(summaries: Records) -> None:
    app = make_app()
    dockerflow = Dockerflow(app)
    dockerflow.summary_extra = lambda: {"tag": "t"}  # type: ignore[method-assign]
    dockerflow.user_id = lambda: "u1"  # type: ignore[method-assign]
    app.test_client().get("/")
    assert [(r.tag, r.uid) for r in summaries()] == [("t", "u1")]


class Odd(Dockerflow):
    def summary_extra(self) -> dict[str, Any]:
        odd = {"agent": None, "lang": 7, "querystring": {"a": 1}}
        return {**super().summary_extra(), **odd}


def test_a_field_that_the_client_sent_may_be_replaced_by_any_value(
    summaries: Records,
) -> None:
    app = make_app()
    Odd(app)
    app.test_client().get("/", headers={"User-Agent": "a/1"})
    (record,) = summaries()
    told = (record.agent, record.lang, record.querystring)
    assert told == ("", "7", "{'a': 1}")


class Broken(Dockerflow):
    def user_id(self) -> str | None:
        raise ConnectionError("the database is down")


class Leaving(Dockerflow):
    def user_id(self) -> str | None:
        raise SystemExit(3)


class LeavingLater(Dockerflow):
    def summary_extra(self) -> dict[str, Any]:
        raise SystemExit(3)


class NoDict(Dockerflow):
    def summary_extra(self) -> Any:
        return None


@pytest.mark.parametrize("kind", [Broken, Leaving, LeavingLater, NoDict])
def test_an_exception_of_a_subclass_breaks_no_request(
    summaries: Records, caplog: pytest.LogCaptureFixture, kind: type[Dockerflow]
) -> None:
    app = make_app()
    kind(app)
    assert app.test_client().get("/").data == b"a page"
    assert [r.code for r in summaries()] == [200]
    (record,) = (r for r in caplog.records if r.name == "dockerflow.flask")
    assert record.levelno == logging.ERROR
    assert record.exc_info


def test_summary_extra_is_empty_outside_of_requests() -> None:
    assert Dockerflow().summary_extra() == {}


def test_g_has_the_id_of_each_request() -> None:
    seen = []
    app = make_app()
    Dockerflow(app)

    @app.get("/id")
    def show() -> str:
        seen.append((flask.g.request_id, request_id_context.get()))
        return ""

    @app.teardown_request
    def note(error: BaseException | None) -> None:
        seen.append((flask.g.request_id, request_id_context.get()))

    client = app.test_client()
    for rid in ("one", "two"):
        client.get("/id", headers={"X-Request-ID": rid})
    pairs = [(rid, rid) for rid in ("one", "one", "two", "two")]
    assert seen == pairs
    assert (request_id_context.get(), summary.current()) == (None, None)


def refuse() -> tuple[str, int]:
    return flask.g.request_id, 401


def test_a_function_before_the_request_that_answers_changes_no_summary(
    summaries: Records,
) -> None:
    app = make_app()
    app.before_request(refuse)
    app.after_request(lambda response: flask.g.request_id and response)
    Named(app)
    headers = {"X-Request-ID": "r1", "X-User": "u1"}
    assert app.test_client().get("/", headers=headers).data == b"r1"
    (record,) = summaries()
    assert (record.code, record.rid, record.uid) == (401, "r1", "u1")


def leave() -> NoReturn:
    raise SystemExit("the worker is too slow")


@pytest.mark.parametrize("add", ["before_request", "after_request", "teardown_request"])
@pytest.mark.parametrize("is_earlier", [True, False])
@pytest.mark.parametrize("function", [leave, lambda *args: 1 / 0])
def test_a_summary_has_the_user_if_a_function_of_the_application_raises(
    summaries: Records, add: str, is_earlier: bool, function: Any
) -> None:
    app = make_app(PROPAGATE_EXCEPTIONS=True)
    if is_earlier:
        getattr(app, add)(lambda *args: function())
    Named(app)
    if not is_earlier:
        getattr(app, add)(lambda *args: function())
    with pytest.raises((SystemExit, ZeroDivisionError)):
        app.test_client().get("/", headers={"X-User": "u1"})
    (record,) = summaries()
    assert (record.code, record.uid) == (500, "u1")


def test_the_header_of_the_request_id_is_a_setting() -> None:
    app = make_app(DOCKERFLOW_REQUEST_ID_HEADER_NAME="X-My-Id")
    Dockerflow(app)
    app.add_url_rule("/id", view_func=lambda: flask.g.request_id)
    headers = {"X-My-Id": "abc", "X-Request-ID": "other"}
    assert app.test_client().get("/id", headers=headers).data == b"abc"


def test_a_mounted_application_answers_below_its_mount_point() -> None:
    app = make_app()
    Dockerflow(app)
    assert server_of(app).ask("/__lbheartbeat__", root="/app").status == 200


Register = Callable[[Dockerflow, Callable[[], Any]], Any]


@pytest.mark.parametrize(
    "register",
    [
        pytest.param(lambda d, check: d.check(check), id="bare"),
        pytest.param(lambda d, check: d.check(name="check")(check), id="named"),
        pytest.param(lambda d, check: checks.register(check), id="default"),
    ],
)
def test_a_check_may_be_registered_after_the_first_probe(register: Register) -> None:
    def check() -> None: ...

    app = make_app()
    dockerflow = Dockerflow(app)
    assert report(app)[1]["checks"] == {}
    register(dockerflow, check)
    assert report(app)[1]["checks"] == {"check": "ok"}


def test_an_extension_does_not_keep_an_application_alive() -> None:
    dockerflow = Dockerflow()
    app = make_app()
    dockerflow.init_app(app)
    report(app)
    gone = weakref.ref(app)
    del app
    gc.collect()
    assert gone() is None


def test_the_package_imports_flask_and_no_database_client() -> None:
    code = (
        "import sys, dockerflow_mw.flask\n"
        "print({'alembic', 'django', 'flask', 'flask_login', 'redis', 'sqlalchemy',"
        " 'starlette'} & {*sys.modules})"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert done.stdout == "{'flask'}\n"
