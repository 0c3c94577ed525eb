"""The Sanic extension: its arguments, methods, endpoints and records."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sanic import HTTPResponse, Sanic, Unauthorized

from dockerflow_mw import DockerflowMiddleware
from dockerflow_mw.checks import clear_checks
from dockerflow_mw.request_id import request_id_context
from dockerflow_mw.sanic import Dockerflow, checks
from dockerflow_mw.settings import SettingsError
from tests.sanic.door import Asked, loop, make_app

Summaries = Callable[[], list[Any]]

TOKEN = "a-token-of-some-length"


@pytest.fixture(autouse=True)
def _no_checks() -> Iterator[None]:
    clear_checks()
    yield
    clear_checks()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "version.json").write_text('{"version": "1.2.3"}')
    return tmp_path


def site(**settings: Any) -> Any:
    app = make_app()
    app.config.update(settings)

    @app.get("/")
    async def index(request: Any) -> HTTPResponse:
        return HTTPResponse(str(request_id_context.get()))

    @app.get("/boom")
    async def boom(request: Any) -> HTTPResponse:
        raise ValueError("boom")

    return app


def report(app: Asked) -> Any:
    """Return the status of a heartbeat and its checks."""
    answer = app.ask("/__heartbeat__")
    return answer.status, json.loads(answer.body)["checks"]


def test_the_extension_has_the_attributes_of_python_dockerflow() -> None:
    dockerflow = Dockerflow(silenced_checks=["a.E1"], version_path="/app")
    assert (dockerflow.silenced_checks, dockerflow.version_path) == (["a.E1"], "/app")
    assert dockerflow.logger.name == "dockerflow.sanic"
    assert dockerflow.summary_logger.name == "request.summary"
    assert checks.level_to_text(checks.ERROR) == "error"


def test_a_misspelt_argument_raises() -> None:
    with pytest.raises(TypeError):
        Dockerflow(silence_checks=["a"])  # type: ignore[call-arg]


def test_the_constructor_changes_no_logger() -> None:
    loggers = [logging.getLogger(n) for n in ("dockerflow.sanic", "request.summary")]
    before = [(list(lg.handlers), lg.level) for lg in loggers]
    Dockerflow(site())
    assert [(list(lg.handlers), lg.level) for lg in loggers] == before


def test_an_invalid_setting_raises_at_once() -> None:
    sentence = "DOCKERFLOW_SAMPLE is 2; it must be a number above 0 and up to 1."
    with pytest.raises(SettingsError, match=sentence):
        Dockerflow(site(DOCKERFLOW_SAMPLE=2))


def test_a_setting_that_becomes_invalid_stops_the_start() -> None:
    app = site()
    Dockerflow(app)
    app.config.DOCKERFLOW_SAMPLE = 2
    with pytest.raises(RuntimeError, match="DOCKERFLOW_SAMPLE is 2; it must be"):
        Asked(app).ask()


def test_a_group_of_an_unknown_check_stops_the_start() -> None:
    app = site(DOCKERFLOW_GROUPS={"/__ready__": "databse"})
    Dockerflow(app)
    with pytest.raises(RuntimeError, match="The group /__ready__ cannot be served"):
        Asked(app).ask()


def test_settings_are_read_again_at_the_start(summaries: Summaries) -> None:
    app = site()
    Dockerflow(app)
    app.config.DOCKERFLOW_SUMMARY_LOG_QUERYSTRING = True
    Asked(app).ask(query=b"a=1")
    assert summaries()[0].querystring == "a=1"


async def maintain(request: Any) -> HTTPResponse | None:
    return HTTPResponse(status=503) if request.path == "/kept" else None


async def break_(request: Any) -> None:
    if request.path == "/broken":
        raise ValueError("broken")


@pytest.mark.parametrize(
    ("path", "code", "error"),
    [
        ("/nowhere", 404, None),
        ("/kept", 503, None),
        ("/broken", 500, "ValueError('broken')"),
        ("/boom", 500, "ValueError('boom')"),
        ("/__ready__", 500, None),
        ("/__late__", 500, None),
    ],
)
def test_a_summary_has_the_error_of_its_own_response(
    path: str, code: int, error: str | None, summaries: Summaries
) -> None:
    app = site(DOCKERFLOW_GROUPS={"/__ready__": "failing"})
    Dockerflow(app).check(lambda: False, name="failing")
    app.config.DOCKERFLOW_GROUPS |= {"/__late__": "failing"}
    app.on_request(maintain)
    app.on_request(break_)
    assert Asked(app).ask(path).status == code
    (record,) = summaries()
    assert (record.code, getattr(record, "error", None)) == (code, error)


def test_groups_have_routes_with_names() -> None:
    paths = ("/__ready__", "/ready", "/version", "/ready/<db>")
    app = site(DOCKERFLOW_GROUPS=dict.fromkeys(paths, "fine"))
    Dockerflow(app).check(lambda: None, name="fine")
    asked = Asked(app)
    for path in paths:
        assert [asked.ask(f"{path}{end}").status for end in ("", "/")] == [200, 200]
    assert app.url_for("dockerflow./__ready__") == "/__ready__"


@pytest.mark.parametrize("app", ["app", Dockerflow()])
def test_an_object_of_another_type_raises(app: Any) -> None:
    with pytest.raises(TypeError, match="Dockerflow takes a Sanic application, not"):
        Dockerflow(app)


def test_an_application_takes_one_extension() -> None:
    app = site()
    dockerflow = Dockerflow(app)
    for another in (dockerflow, Dockerflow()):
        with pytest.raises(ValueError, match="has a Dockerflow extension already"):
            another.init_app(app)


def test_checks_of_the_settings_belong_to_one_application() -> None:
    def mine() -> None: ...

    dockerflow = Dockerflow()
    apps = [site(DOCKERFLOW_CHECKS=[mine]), site()]
    for app in apps:
        dockerflow.init_app(app)
    dockerflow.check(lambda: None, name="ours")
    reports = [report(Asked(app))[1] for app in apps]
    assert reports == [{"ours": "ok", "mine": "ok"}, {"ours": "ok"}]


def test_a_view_may_set_the_request_id_header() -> None:
    app = site(DOCKERFLOW_ECHO_REQUEST_ID=True)
    Dockerflow(app)

    @app.get("/own")
    async def own(request: Any) -> HTTPResponse:
        return HTTPResponse(headers={"x-request-id": "own"})

    asked, sent = Asked(app), {"X-Request-ID": "sent"}
    seen = [asked.ask(p, headers=sent).headers["x-request-id"] for p in ("/", "/own")]
    assert seen == ["sent", "own"]


def test_an_extension_serves_several_applications(folder: Path) -> None:
    dockerflow = Dockerflow()
    apps = [site(DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE=code) for code in (502, 503)]
    for app in apps:
        dockerflow.init_app(app)
    dockerflow.check(lambda: False, name="broken")
    assert [report(Asked(app))[0] for app in apps] == [502, 503]


def test_silenced_messages_do_not_count() -> None:
    app = site()
    dockerflow = Dockerflow(app, silenced_checks=["a.E1"])

    @dockerflow.check
    async def silenced() -> list[checks.CheckMessage]:
        return [checks.Error("known", id="a.E1")]

    assert report(Asked(app)) == (200, {"silenced": "ok"})


def test_a_check_with_an_object_keeps_its_name() -> None:
    app = site()
    dockerflow = Dockerflow(app)

    def storage(bucket: list[str]) -> list[checks.CheckMessage]:
        return [checks.Warning(name, id="storage.W1") for name in bucket]

    dockerflow.init_check(storage, ["full"])
    checks.register(lambda: None, name="of the process")
    made = {"of the process": "ok", "storage": "warning"}
    assert report(Asked(app)) == (200, made)


@pytest.mark.parametrize("kind", [str, Path])
def test_the_version_path_may_be_an_argument(
    folder: Path, kind: Callable[..., Any]
) -> None:
    app = site()
    Dockerflow(app, version_path=kind(folder))
    answer = Asked(app).ask("/__version__")
    assert json.loads(answer.body) == {"version": "1.2.3"}


def test_the_default_version_path_is_the_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    app = site()
    Dockerflow(app)
    assert Asked(app).ask("/__version__").status == 200


def _version(path: object) -> dict[str, str]:
    return {"given": repr(path)}


async def _async_version(path: object) -> dict[str, str]:
    return {"given": repr(path)}


@pytest.mark.parametrize("callback", [_version, _async_version])
@pytest.mark.parametrize(
    "given", [{}, {"version_path": "/no/folder"}, {"version_path": Path("/tmp")}]
)
def test_a_function_may_return_the_version(
    given: dict[str, Any], callback: Any
) -> None:
    app = site()
    dockerflow = Dockerflow(app, **given)
    assert dockerflow.version_callback(callback) is callback
    answer = Asked(app).ask("/__version__")
    expected = repr(given.get("version_path", "."))
    assert json.loads(answer.body) == {"given": expected}


def test_a_version_function_that_exits_stops_no_server() -> None:
    app = site()

    @Dockerflow(app).version_callback
    def version(path: object) -> None:
        raise SystemExit(3)

    assert Asked(app).ask("/__version__").status == 500


def test_the_request_context_has_the_id(summaries: Summaries) -> None:
    app, seen = site(), []
    Dockerflow(app)

    @app.get("/seen")
    async def see(request: Any) -> HTTPResponse:
        seen.append((request.ctx.id, request.ctx.start_timestamp > 0))
        return HTTPResponse()

    asked = Asked(app)
    asked.ask("/seen", headers={"X-Request-ID": "abc-123"})
    asked.ask("/seen")
    assert [record.rid for record in summaries()] == [rid for rid, _ in seen]
    assert seen[0] == ("abc-123", True)


class Extended(Dockerflow):
    """An extension that adds two fields and removes one."""

    def summary_extra(self, request: Any) -> dict[str, Any]:
        fields = super().summary_extra(request)
        del fields["agent"]
        return {**fields, "uid": "u1", "tenant": request.headers["host"]}


def test_a_subclass_changes_the_summary(summaries: Summaries) -> None:
    app = site()
    Extended(app)
    headers = {"User-Agent": "secret/1.0", "Host": "a.example.org"}
    Asked(app).ask(headers=headers)
    (record,) = summaries()
    assert (record.agent, record.uid, record.tenant) == ("", "u1", "a.example.org")
    assert record.code == 200


class Exiting(Dockerflow):
    """An extension that exits at each request."""

    def summary_extra(self, request: Any) -> dict[str, Any]:
        raise SystemExit(3)


@pytest.mark.parametrize("kind", [Extended, Exiting])
def test_a_subclass_that_raises_leaves_the_response_unchanged(
    kind: type[Dockerflow], summaries: Summaries, caplog: pytest.LogCaptureFixture
) -> None:
    app = site()
    kind(app)
    assert Asked(app).ask().status == 200
    assert [record.code for record in summaries()] == [200]
    assert [r.levelno for r in caplog.records if r.name == "dockerflow.sanic"] == [40]


def test_probes_are_answered_before_the_application_s_middleware() -> None:
    app = site()

    @app.on_request
    async def refuse(request: Any) -> HTTPResponse:
        raise Unauthorized("Who are you?")

    Dockerflow(app)
    asked = Asked(app)
    paths = ("/__lbheartbeat__", "/__heartbeat__", "/")
    assert [asked.ask(path).status for path in paths] == [200, 200, 401]


def test_the_endpoints_have_names() -> None:
    app = site()
    Dockerflow(app)
    Asked(app).ask()
    assert app.url_for("dockerflow.version") == "/__version__"


@pytest.mark.parametrize(
    ("settings", "headers", "status"),
    [
        ({}, {}, 500),
        ({"DOCKERFLOW_ERROR_ENDPOINT": False}, {}, 404),
        ({"DOCKERFLOW_ERROR_TOKEN": TOKEN}, {}, 401),
        (
            {"DOCKERFLOW_ERROR_TOKEN": TOKEN},
            {"Authorization": f"Bearer {TOKEN}"},
            500,
        ),
    ],
)
def test_the_error_endpoint_can_be_protected_and_disabled(
    settings: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    app = site(**settings)
    Dockerflow(app)
    assert Asked(app).ask("/__error__", headers=headers).status == status


def test_the_error_endpoint_may_be_disabled_until_the_start() -> None:
    app = site()
    Dockerflow(app)
    app.config.DOCKERFLOW_ERROR_ENDPOINT = False
    assert Asked(app).ask("/__error__").status == 404


def test_exception_handlers_see_the_test_exception() -> None:
    app, seen = site(), []
    Dockerflow(app)

    @app.exception(Exception)
    async def handler(request: Any, exception: Exception) -> HTTPResponse:
        seen.append(str(exception))
        return HTTPResponse(status=500)

    Asked(app).ask("/__error__")
    assert seen == ["This is a test exception from the /__error__ endpoint."]


def test_a_handled_exception_is_no_failure(summaries: Summaries) -> None:
    app = site()
    Dockerflow(app)

    @app.exception(ValueError)
    async def handler(request: Any, exception: Exception) -> HTTPResponse:
        return HTTPResponse(status=422)

    Asked(app).ask("/boom")
    (record,) = summaries()
    assert (record.code, record.errno, record.levelno) == (422, 0, logging.INFO)
    assert not hasattr(record, "error")


def test_sync_and_async_checks_have_the_request_id() -> None:
    app, seen = site(), {}
    dockerflow = Dockerflow(app)

    @dockerflow.check
    def sync() -> None:
        seen["sync"] = request_id_context.get(), threading.current_thread().name

    @dockerflow.check
    async def coroutine() -> None:
        seen["async"] = request_id_context.get(), ""

    Asked(app).ask("/__heartbeat__", headers={"X-Request-ID": "probe-1"})
    thread = "dockerflow-check-sync"
    assert seen == {"sync": ("probe-1", thread), "async": ("probe-1", "")}


def test_an_outer_middleware_logs_the_summary(summaries: Summaries) -> None:
    app = site()
    Extended(app)
    asked = Asked(app)
    asked.ask()
    asked.served = DockerflowMiddleware(app)
    asked.ask("/boom", headers={"Host": "x"})
    record = summaries()[-1]
    assert len(summaries()) == 2
    assert (record.code, record.error, record.tenant) == (
        500,
        "ValueError('boom')",
        "x",
    )


def test_the_start_logs_endpoints_checks_and_settings(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    app = site(DOCKERFLOW_SAMPLE=0.5)
    Dockerflow(app).check(lambda: None, name="database")
    Asked(app).ask()
    (record,) = (r for r in caplog.records if r.name == "dockerflow.middleware")
    told: Any = record
    assert told.checks == ["database"]
    assert "/__heartbeat__" in told.endpoints
    assert "sample=0.5" in told.settings


def test_sanic_s_environment_goes_before_dockerflow_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SANIC_DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE", "503")
    monkeypatch.setenv("DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE", "502")
    app: Any = Sanic("tests-environment", configure_logging=False)
    app.config.update({"TOUCHUP": False, "MOTD": False})
    Dockerflow(app).check(lambda: False, name="broken")
    assert report(Asked(app))[0] == 503


async def serve_websocket(app: Any, path: str) -> list[str]:
    """Send a handshake to an application, and return the types of its messages."""
    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"upgrade", b"websocket")],
    }
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await app(scope, receive, send)
    return sent


@pytest.mark.parametrize("wrap", [None, DockerflowMiddleware])
@pytest.mark.parametrize(
    ("logs", "path", "logged"),
    [
        (True, "/fine", [(101, "websocket", None)]),
        (True, "/broken", [(101, "websocket", "ValueError('broken')")]),
        (False, "/fine", []),
    ],
)
def test_websockets_are_logged_on_request(
    logs: bool,
    path: str,
    logged: list[Any],
    wrap: Any,
    summaries: Summaries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKERFLOW_SUMMARY_LOG_WEBSOCKETS", str(logs))
    app = site()
    Dockerflow(app)

    @app.websocket("/fine")
    async def fine(request: Any, connection: Any) -> None: ...

    @app.websocket("/broken")
    async def broken(request: Any, connection: Any) -> None:
        raise ValueError("broken")

    asked = Asked(app)
    asked.ask()
    served = app if wrap is None else wrap(app)
    coroutine = serve_websocket(served, path)
    sent = asyncio.run_coroutine_threadsafe(coroutine, loop()).result(20)
    assert sent == ["websocket.accept"]
    seen = [(r.code, r.type, getattr(r, "error", None)) for r in summaries()[1:]]
    assert seen == logged
