from __future__ import annotations

import functools
import inspect
import logging
from typing import Any

import pytest

from dockerflow_mw import DockerflowMiddleware, checks
from dockerflow_mw.settings import SettingsError


class App:
    """A WSGI application with attributes, as frameworks have them."""

    name = "inner"

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b""]

    def __repr__(self) -> str:
        return "<App>"


async def asgi(scope: Any, receive: Any, send: Any) -> None: ...


def request(application: Any) -> None:
    environ = {"PATH_INFO": "/", "REQUEST_METHOD": "GET"}
    body = application(environ, lambda status, headers, exc_info=None: None)
    assert list(body) == [b""]


@pytest.mark.parametrize(("app", "is_async"), [(App(), False), (asgi, True)])
def test_the_object_is_what_servers_expect(app: Any, is_async: bool) -> None:
    application = DockerflowMiddleware(app)
    assert isinstance(application, DockerflowMiddleware)
    assert type(application).__name__ == "DockerflowMiddleware"
    assert inspect.iscoroutinefunction(application.__call__) is is_async
    assert callable(application)


def test_a_subclass_keeps_its_methods() -> None:
    class Ours(DockerflowMiddleware):
        def __call__(self, *args: Any) -> Any:
            return ["ours", super().__call__(*args)]

    application: Any = Ours(App())
    assert isinstance(application, Ours)
    ours, body = application({"PATH_INFO": "/"}, lambda *args: None)
    assert (ours, list(body)) == ("ours", [b""])
    assert isinstance(type(application)(App()), Ours)


def test_the_class_of_an_object_makes_others() -> None:
    first: Any = DockerflowMiddleware(App())
    other = type(first)(lambda environ, start_response: [b"other"])
    assert list(other({"PATH_INFO": "/"}, lambda *args: None)) == [b"other"]
    other.__init__(App())
    assert list(other({"PATH_INFO": "/"}, lambda *args: None)) == [b""]


@pytest.mark.parametrize("app", [App(), asgi])
def test_the_signature_is_that_of_an_application(app: Any) -> None:
    application = DockerflowMiddleware(app)
    wrapped = DockerflowMiddleware(functools.partial(application))
    for each in (application, wrapped):
        names = list(inspect.signature(each).parameters)
        assert names == list(inspect.signature(app).parameters)


def test_a_subclass_may_have_arguments_of_its_own() -> None:
    class Ours(DockerflowMiddleware):
        def __init__(self, app: Any, service: str) -> None:
            super().__init__(app, heartbeat_failed_status_code=503)
            self.service = service

    application = Ours(App(), "service")
    assert application.service == "service"
    assert application.settings.heartbeat_failed_status_code == 503


def test_wrapping_what_is_wrapped_is_refused() -> None:
    with pytest.raises(TypeError, match="is a DockerflowMiddleware already; wrap once"):
        DockerflowMiddleware(DockerflowMiddleware(App()))


def test_a_configuration_that_disables_other_loggers_does_not_disable_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    ours = [logging.getLogger(n) for n in ("request.summary", "dockerflow.checks")]
    theirs = logging.getLogger("theirs")
    for logger in (*ours, theirs):
        logger.disabled = True
    try:
        request(DockerflowMiddleware(App()))
        assert [logger.disabled for logger in (*ours, theirs)] == [False, False, True]
    finally:
        theirs.disabled = False
    assert "request.summary" in {record.name for record in caplog.records}


def test_unknown_attributes_are_the_application_s() -> None:
    application = DockerflowMiddleware(App())
    assert application.name == "inner"
    assert isinstance(application.app, App)
    with pytest.raises(AttributeError, match="'App' object has no attribute 'other'"):
        _ = application.other
    assert not hasattr(application, "__wrapped__")


def test_an_object_without_an_application_is_no_endless_recursion() -> None:
    empty = object.__new__(DockerflowMiddleware)
    with pytest.raises(AttributeError):
        _ = empty.anything


def test_checks_are_registered_on_the_object_and_on_the_process() -> None:
    first, second = DockerflowMiddleware(App()), DockerflowMiddleware(App())

    @first.check
    def own() -> None: ...

    @second.check(name="another")
    def other() -> None: ...

    checks.register(asgi, name="shared")
    try:
        assert list(first.checks.get_checks()) == ["shared", "own"]
        assert list(second.checks.get_checks()) == ["shared", "another"]
    finally:
        checks.clear_checks()


def test_checks_may_be_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERFLOW_CHECKS", "os.getpid, os.getcwd")
    assert list(DockerflowMiddleware(App()).checks.get_checks()) == ["getpid", "getcwd"]


def test_the_repr_says_what_is_on() -> None:
    application = DockerflowMiddleware(App(), heartbeat_failed_status_code=503)
    application.check(request, name="db")
    assert repr(application) == (
        "<DockerflowMiddleware of <App>;"
        " endpoints: /__version__, /__heartbeat__, /__lbheartbeat__;"
        " checks: db; settings: heartbeat_failed_status_code=503>"
    )
    assert repr(DockerflowMiddleware(App())).endswith(
        "checks: none; settings: defaults>"
    )


def test_the_first_request_leaves_one_start_up_record(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    application = DockerflowMiddleware(App(), error_endpoint=True)
    application.check(request, name="db")
    request(application)
    request(application)
    (record,) = (r for r in caplog.records if r.name == "dockerflow.middleware")
    told: Any = record
    assert record.getMessage() == repr(application)
    assert record.levelno == logging.INFO
    assert told.endpoints == [
        "/__version__",
        "/__heartbeat__",
        "/__lbheartbeat__",
        "/__error__",
    ]
    assert told.checks == ["db"]
    assert told.settings == ["error_endpoint=True"]


def test_a_bad_value_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"^silence_checks is not a setting"):
        DockerflowMiddleware(App(), silence_checks=["x"])  # type: ignore[call-arg]
    monkeypatch.setenv("DOCKERFLOW_ECHO_REQUEST_ID", "perhaps")
    with pytest.raises(
        SettingsError, match=r"^DOCKERFLOW_ECHO_REQUEST_ID is 'perhaps'"
    ):
        DockerflowMiddleware(App())


def test_making_one_changes_nothing_outside_of_it() -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    DockerflowMiddleware(App())
    assert (root.level, list(root.handlers)) == before
