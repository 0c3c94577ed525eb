"""DockerflowMiddleware as an object: what servers, tools and users see of it."""

from __future__ import annotations

import functools
import inspect
import logging
from typing import Any

import pytest

from dockerflow_mw import DockerflowMiddleware, checks
from dockerflow_mw.settings import SettingsError
from tests.logs import codes
from tests.protocols.serving import HTTP, page, sent_by


class App:
    """A WSGI application with attributes, as an application object of a framework."""

    name = "inner"

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b""]

    def __repr__(self) -> str:
        return "<App>"


def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
    return None


def serve(application: Any) -> list[bytes]:
    """Return the body of a WSGI response."""
    return list(
        application({"PATH_INFO": "/", "REQUEST_METHOD": "GET"}, start_response)
    )


@pytest.mark.parametrize(("app", "is_async"), [(App(), False), (page, True)])
def test_the_object_is_callable_as_servers_expect(app: Any, is_async: bool) -> None:
    application = DockerflowMiddleware(app)
    assert isinstance(application, DockerflowMiddleware)
    assert type(application).__name__ == "DockerflowMiddleware"
    assert inspect.iscoroutinefunction(application.__call__) is is_async
    assert callable(application)


@pytest.mark.parametrize("app", [App(), page])
def test_the_signature_is_that_of_an_application(app: Any) -> None:
    application = DockerflowMiddleware(app)
    wrapped = DockerflowMiddleware(functools.partial(application))
    for each in (application, wrapped):
        names = list(inspect.signature(each).parameters)
        assert names == list(inspect.signature(app).parameters)


def test_a_wsgi_call_may_use_keywords(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    application: Any = DockerflowMiddleware(App())
    environ = {"PATH_INFO": "/", "REQUEST_METHOD": "GET"}
    body = application(environ=environ, start_response=start_response)
    assert (body, codes(caplog)) == ([b""], [200])


async def test_an_asgi_call_may_use_keywords(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    application: Any = DockerflowMiddleware(page)

    async def by_keyword(scope: Any, receive: Any, send: Any) -> None:
        await application(scope=scope, receive=receive, send=send)

    assert len(await sent_by(by_keyword, dict(HTTP))) == 2
    assert codes(caplog) == [200]


class Subclass(DockerflowMiddleware):
    """A middleware with an argument and a call of its own."""

    def __init__(self, app: Any, name: str = "") -> None:
        super().__init__(app, heartbeat_failed_status_code=503)
        self.name = name
        self.calls = 0

    def __call__(self, *args: Any) -> Any:
        self.calls += 1
        return super().__call__(*args)


def test_a_subclass_serves_wsgi(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    application = Subclass(App(), "ours")
    assert serve(application) == [b""]
    assert (application.name, application.calls, codes(caplog)) == ("ours", 1, [200])
    assert application.settings.heartbeat_failed_status_code == 503
    assert repr(application).startswith("<Subclass of <App>;")


async def test_a_subclass_serves_asgi(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    application = Subclass(page, "ours")
    assert len(await sent_by(application, dict(HTTP))) == 2
    assert (application.name, application.calls, codes(caplog)) == ("ours", 1, [200])
    assert application.settings.heartbeat_failed_status_code == 503


def test_the_class_of_an_object_makes_others() -> None:
    first: Any = DockerflowMiddleware(App())
    other = type(first)(lambda environ, start_response: [b"other"])
    assert serve(other) == [b"other"]
    other.__init__(App())
    assert serve(other) == [b""]


def test_wrapping_a_middleware_again_is_an_error() -> None:
    with pytest.raises(TypeError, match="is a DockerflowMiddleware already; wrap once"):
        DockerflowMiddleware(DockerflowMiddleware(App()))


def test_unknown_attributes_are_those_of_the_application() -> None:
    application = DockerflowMiddleware(App())
    assert application.name == "inner"
    assert isinstance(application.app, App)
    with pytest.raises(AttributeError, match="'App' object has no attribute 'other'"):
        _ = application.other
    assert not hasattr(application, "__wrapped__")


def test_an_object_without_an_application_raises_an_attribute_error() -> None:
    empty = object.__new__(DockerflowMiddleware)
    with pytest.raises(AttributeError):
        _ = empty.anything


def test_a_middleware_has_its_own_checks_and_those_of_the_process() -> None:
    first, second = DockerflowMiddleware(App()), DockerflowMiddleware(App())

    @first.check
    def own() -> None: ...

    @second.check(name="another")
    def other() -> None: ...

    checks.register(page, name="shared")
    try:
        assert list(first.checks.get_checks()) == ["shared", "own"]
        assert list(second.checks.get_checks()) == ["shared", "another"]
    finally:
        checks.clear_checks()


def test_checks_may_be_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERFLOW_CHECKS", "os.getpid, os.getcwd")
    assert list(DockerflowMiddleware(App()).checks.get_checks()) == ["getpid", "getcwd"]


def test_an_invalid_setting_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"^silence_checks is not a setting"):
        DockerflowMiddleware(App(), silence_checks=["x"])  # type: ignore[call-arg]
    monkeypatch.setenv("DOCKERFLOW_ECHO_REQUEST_ID", "perhaps")
    with pytest.raises(
        SettingsError, match=r"^DOCKERFLOW_ECHO_REQUEST_ID is 'perhaps'"
    ):
        DockerflowMiddleware(App())


def test_the_repr_names_endpoints_checks_and_changed_settings() -> None:
    application = DockerflowMiddleware(App(), heartbeat_failed_status_code=503)
    application.check(serve, name="db")
    assert repr(application) == (
        "<DockerflowMiddleware of <App>;"
        " endpoints: /__version__, /__heartbeat__, /__lbheartbeat__;"
        " checks: db; settings: heartbeat_failed_status_code=503>"
    )
    assert repr(DockerflowMiddleware(App())).endswith(
        "checks: none; settings: defaults>"
    )


def test_the_first_request_logs_one_start_up_record(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    application = DockerflowMiddleware(App(), error_endpoint=True)
    application.check(serve, name="db")
    serve(application)
    serve(application)
    (found,) = (r for r in caplog.records if r.name == "dockerflow.middleware")
    record: Any = found
    assert (record.levelno, record.getMessage()) == (logging.INFO, repr(application))
    assert record.endpoints == [
        "/__version__",
        "/__heartbeat__",
        "/__lbheartbeat__",
        "/__error__",
    ]
    assert record.checks == ["db"]
    assert record.settings == ["error_endpoint=True"]


def test_the_first_request_enables_disabled_loggers_of_the_package(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    ours = [
        logging.getLogger(n) for n in ("request.summary", "dockerflow.checks.registry")
    ]
    other = logging.getLogger("other")
    for logger in (*ours, other):
        logger.disabled = True
    try:
        serve(DockerflowMiddleware(App()))
        assert [logger.disabled for logger in (*ours, other)] == [False, False, True]
    finally:
        other.disabled = False
    assert codes(caplog) == [200]


def test_making_a_middleware_leaves_the_root_logger_unchanged() -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    DockerflowMiddleware(App())
    assert (root.level, list(root.handlers)) == before
