"""Requests in Flask: their summaries are true, and their responses unchanged."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn
from wsgiref.util import FileWrapper, setup_testing_defaults

import flask
import pytest
from flask.sessions import SecureCookieSessionInterface
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from dockerflow_mw import DockerflowMiddleware, summary
from dockerflow_mw.flask import Dockerflow
from dockerflow_mw.request_id import request_id_context, wrap
from tests.doors import BareASGI
from tests.flask.site import Records, make_app, server_of
from tests.protocols import scenarios
from tests.protocols.scenarios import DISCONNECTED as LEFT
from tests.protocols.scenarios import FAILED as BROKEN
from tests.protocols.scenarios import FAILED_MIDWAY as TORN
from tests.protocols.scenarios import OK as FINE
from tests.protocols.scenarios import Expected as Told

BOOM = scenarios.BOOM
ERROR_PAGE = Told(500, 500, logging.ERROR, error="ValueError('boom')")
BUSY = Told(503, 503, logging.ERROR)

LEFT_404 = dataclasses.replace(LEFT, code=404)

Change = Callable[[flask.Flask], None]


def raises(*args: Any, **kwargs: Any) -> NoReturn:
    raise BOOM


def chunks(error: Exception | None = None) -> Iterator[bytes]:
    yield b"one"
    if error is not None:
        raise error
    yield b"two"


def answers(make: Callable[[], Any], *changes: Change) -> Change:
    """Return a change of the view to a function."""

    def change(app: flask.Flask) -> None:
        app.view_functions["index"] = make
        for other in changes:
            other(app)

    return change


def of_six_bytes(body: Any, status: int) -> Callable[[], flask.Response]:
    headers = {"Content-Length": "6"}
    return lambda: flask.Response(body(), status, headers)


def handles(what: Any, answer: Any) -> Change:
    return lambda app: app.register_error_handler(what, lambda error: answer)


def ends_with(name: str) -> Change:
    return lambda app: getattr(app, name)(raises)


def propagates(app: flask.Flask) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = True


def sends(body: Any, status: int = 200) -> Callable[[], flask.Response]:
    return lambda: flask.Response(body() if callable(body) else body, status)


class Counted:
    """A body with a length that makes its chunks on iteration."""

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[bytes]:
        return chunks()


class BrokenSession(SecureCookieSessionInterface):
    """A session interface whose store is down."""

    def open_session(self, app: Any, request: Any) -> Any:
        raise BOOM


class UnsavedSession(SecureCookieSessionInterface):
    """A session interface whose store is down at the end of the request."""

    def save_session(self, app: Any, session: Any, response: Any) -> None:
        raise BOOM


def session(interface: Any) -> Change:
    def change(app: flask.Flask) -> None:
        app.session_interface = interface

    return change


async def answers_async() -> str:
    return "async"


SCENARIOS = [
    pytest.param(answers(lambda: "text"), None, FINE, id="text"),
    pytest.param(answers(answers_async), None, FINE, id="an async view"),
    pytest.param(answers(lambda: ("", 204)), None, Told(204), id="no content"),
    pytest.param(answers(lambda: ("gone", 404)), None, Told(404), id="404"),
    pytest.param(answers(lambda: flask.abort(404)), None, Told(404), id="abort(404)"),
    pytest.param(answers(lambda: flask.redirect("/x")), None, Told(302), id="302"),
    pytest.param(answers(lambda: ("busy", 503)), None, BUSY, id="503"),
    pytest.param(answers(lambda: flask.abort(503)), None, BUSY, id="abort(503)"),
    pytest.param(answers(sends(chunks)), None, FINE, id="a stream"),
    pytest.param(answers(sends(Counted)), None, FINE, id="a stream that is counted"),
    pytest.param(answers(sends(chunks, 503)), None, BUSY, id="a stream of 503"),
    pytest.param(answers(sends(chunks)), 1, LEFT, id="the client leaves"),
    pytest.param(answers(sends(chunks)), 0, FINE, id="a stream that is not read"),
    pytest.param(
        answers(sends(lambda: chunks(BOOM))), None, TORN, id="a stream that breaks"
    ),
    pytest.param(
        answers(lambda: flask.Response(flask.stream_with_context(chunks()))),
        None,
        FINE,
        id="a stream with the context",
    ),
    pytest.param(
        answers(sends(lambda: scenarios.ClosableBody(b"one", error=BOOM))),
        0,
        TORN,
        id="an exception when the stream is closed",
    ),
    pytest.param(answers(raises), None, ERROR_PAGE, id="an exception"),
    pytest.param(
        answers(raises, propagates),
        None,
        BROKEN,
        id="an exception that reaches the server",
    ),
    pytest.param(
        answers(raises, handles(ValueError, ("handled", 503))), None, BUSY, id="handled"
    ),
    pytest.param(
        answers(raises, handles(500, ("sorry", 503))),
        None,
        Told(503, 503, logging.ERROR, error="ValueError('boom')"),
        id="a page for all exceptions",
    ),
    pytest.param(
        answers(raises, lambda app: app.register_error_handler(500, raises)),
        None,
        BROKEN,
        id="an exception in the error handler",
    ),
    pytest.param(
        lambda app: app.before_request(raises),
        None,
        ERROR_PAGE,
        id="an exception before the view",
    ),
    pytest.param(
        lambda app: app.after_request(raises),
        None,
        ERROR_PAGE,
        id="an exception after the view",
    ),
    pytest.param(
        lambda app: app.url_value_preprocessor(raises),
        None,
        ERROR_PAGE,
        id="an exception in what is called first",
    ),
    pytest.param(
        lambda app: app.url_value_preprocessor(lambda *args: flask.abort(404)),
        None,
        Told(404),
        id="404 in what is called first",
    ),
    pytest.param(
        session(BrokenSession()), None, ERROR_PAGE, id="no session can be opened"
    ),
    pytest.param(
        answers(lambda: "text", session(UnsavedSession())),
        None,
        ERROR_PAGE,
        id="no session can be saved",
    ),
    pytest.param(
        answers(lambda: "x", session(UnsavedSession()), handles(500, ("sorry", 503))),
        None,
        Told(503, 503, logging.ERROR, error="ValueError('boom')"),
        id="no session can be saved, and there is a page for that",
    ),
    pytest.param(
        answers(of_six_bytes(chunks, 404)),
        1,
        LEFT_404,
        id="the client leaves a stream of 404",
    ),
    pytest.param(
        answers(of_six_bytes(lambda: chunks(BOOM), 502)),
        None,
        Told(502, 502, logging.ERROR, error="ValueError('boom')"),
        id="a stream of 502 that breaks and has a length",
    ),
    *(
        pytest.param(
            answers(make, ends_with(add)),
            None,
            BROKEN,
            id=f"an exception in {add} after {name}",
        )
        for add in ("teardown_request", "teardown_appcontext")
        for name, make in (
            ("text", lambda: "text"),
            ("a stream", sends(chunks)),
            ("404", lambda: flask.abort(404)),
            ("an exception", raises),
        )
    ),
]


@pytest.mark.parametrize(("change", "read", "told"), SCENARIOS)
def test_the_summary_is_true_and_the_response_unchanged(
    caplog: pytest.LogCaptureFixture,
    summaries: Records,
    change: Change,
    read: int | None,
    told: Told,
) -> None:
    def served(*, extended: bool) -> list[Any]:
        app = make_app()
        if extended:
            Dockerflow(app)
        change(app)

        def complete(environ: Any, start_response: Any) -> Any:
            setup_testing_defaults(environ)
            return app(environ, start_response)

        return scenarios.serve_wsgi(complete, read)

    assert served(extended=True) == served(extended=False)
    assert scenarios.logged_by(caplog) == told
    assert (summary.current(), request_id_context.get()) == (None, None)


@pytest.mark.parametrize("status", [200, 204, 304])
def test_the_summary_of_a_response_without_a_body_is_logged_at_once(
    summaries: Records, status: int
) -> None:
    app = make_app()
    Dockerflow(app)
    app.view_functions["index"] = sends(chunks, status)
    app.test_client().open("/", method="HEAD" if status == 200 else "GET")
    assert [r.code for r in summaries()] == [status]


@pytest.mark.parametrize("path", ["/", "/missing", "/boom"])
def test_a_test_client_that_keeps_its_context_has_the_request_id_in_g(
    summaries: Records, path: str
) -> None:
    app = make_app()
    Dockerflow(app)
    with app.test_client() as client:
        for count in (1, 2):
            client.get(path)
            assert len(summaries()) == count
            assert flask.g.request_id == summaries()[-1].rid
    assert summary.current() is None


def test_a_system_exit_is_recorded_and_reaches_the_server(summaries: Records) -> None:
    app = make_app()
    Dockerflow(app)

    def leave() -> NoReturn:
        raise SystemExit("the worker is too slow")

    app.view_functions["index"] = leave
    with pytest.raises(SystemExit):
        server_of(app).ask("/")
    (record,) = summaries()
    assert (record.code, record.levelno) == (500, logging.ERROR)
    assert record.error == "SystemExit('the worker is too slow')"
    assert summary.current() is None


@pytest.mark.parametrize("wrapper", [None, FileWrapper], ids=["none", "the server's"])
def test_the_server_s_file_wrapper_is_returned_unchanged(
    summaries: Records, tmp_path: Path, wrapper: Any
) -> None:
    (tmp_path / "file").write_bytes(b"content")
    app = make_app()
    Dockerflow(app)
    app.view_functions["index"] = lambda: flask.send_file(tmp_path / "file")
    environ = {"PATH_INFO": "/", "REQUEST_METHOD": "GET", "SERVER_NAME": "localhost"}
    environ |= {"SERVER_PORT": "80", "wsgi.url_scheme": "http"}
    if wrapper is not None:
        environ["wsgi.file_wrapper"] = wrapper
    served: Any = app
    body = served(environ, lambda *args: None)
    assert isinstance(body, FileWrapper) is (wrapper is not None)
    assert len(summaries()) == (wrapper is not None)
    assert b"".join(body) == b"content"
    body.close()
    (record,) = summaries()
    assert (record.code, hasattr(record, "sendfile")) == (200, wrapper is not None)


def test_a_stream_has_the_request_id_to_its_end() -> None:
    seen = []
    app = make_app()
    Dockerflow(app)

    def stream() -> Iterator[str]:
        seen.append(request_id_context.get())
        yield "one"
        seen.append(request_id_context.get())

    app.view_functions["index"] = lambda: flask.Response(stream())
    server_of(app).ask("/", headers={"X-Request-ID": "r1"})
    assert seen == ["r1", "r1"]
    assert request_id_context.get() is None


def test_inside_the_middleware_there_is_one_summary(summaries: Records) -> None:
    class Known(Dockerflow):
        def user_id(self) -> str:
            return "u1"

    app = make_app()
    Known(app)
    server = server_of(DockerflowMiddleware(app))
    headers = {"X-Request-ID": "r1"}
    app.add_url_rule("/id", view_func=lambda: flask.g.request_id)
    assert server.ask("/id", headers=headers).body == b"r1"
    assert server.ask("/boom").status == 500
    assert [(r.code, r.uid, r.error if r.code == 500 else "") for r in summaries()] == [
        (200, "u1", ""),
        (500, "u1", "ValueError('boom')"),
    ]


def test_a_nested_request_to_another_application_has_its_own_summary(
    summaries: Records,
) -> None:
    inner, outer = make_app("inner"), make_app("outer")
    for app in (inner, outer):
        Dockerflow(app)

    @outer.get("/passes-on")
    def passes_on() -> Any:
        return inner.test_client().get("/boom").data + flask.g.request_id.encode()

    headers = {"X-Request-ID": "outer"}
    assert (
        outer.test_client().get("/passes-on", headers=headers).data.endswith(b"outer")
    )
    assert [(r.path, r.code) for r in summaries()] == [
        ("/boom", 500),
        ("/passes-on", 200),
    ]


def test_applications_that_share_an_environ_share_the_summary(
    summaries: Records,
) -> None:
    inner, outer = make_app("inner"), make_app("outer")
    for app in (inner, outer):
        Dockerflow(app)

    @outer.get("/<path:path>")
    def hands_over(path: str) -> Any:
        return flask.Response.from_app(
            inner, {**flask.request.environ, "PATH_INFO": "/"}
        )

    assert outer.test_client().get("/x", buffered=True).data == b"a page"
    assert [(r.path, r.code) for r in summaries()] == [("/x", 200)]


def test_a_thread_with_a_copy_of_the_context_leaves_the_summary_open(
    summaries: Records,
) -> None:
    app = make_app()
    Dockerflow(app)

    @app.get("/thread")
    def start() -> str:
        with ThreadPoolExecutor() as executor:
            for target in (int, raises, leave):
                copied = wrap(flask.copy_current_request_context(target))
                executor.submit(copied).exception()
        assert summaries() == []
        summary.add_fields(route="thread")
        return str(flask.g.request_id)

    assert app.test_client().get("/thread", headers={"X-Request-ID": "r"}).data == b"r"
    assert [(r.code, r.route) for r in summaries()] == [(200, "thread")]


@pytest.mark.parametrize("make", [lambda: "text", sends(chunks), raises])
def test_a_request_context_made_by_hand_has_an_id_and_a_summary(
    summaries: Records, make: Callable[[], Any]
) -> None:
    app = make_app()
    Dockerflow(app)
    app.view_functions["index"] = make
    with (
        contextlib.suppress(ValueError),
        app.test_request_context("/", headers={"X-Request-ID": "r1"}),
        app.full_dispatch_request() as response,
    ):
        assert flask.g.request_id == request_id_context.get() == "r1"
        response.get_data()
    code = 500 if make is raises else 200
    assert [(r.rid, r.code) for r in summaries()] == [("r1", code)]
    assert summary.current() is None


def test_an_environ_may_serve_two_requests(summaries: Records) -> None:
    app: Any = make_app()
    Dockerflow(app)
    environ: dict[str, Any] = {"PATH_INFO": "/", "REQUEST_METHOD": "GET"}
    setup_testing_defaults(environ)
    for _ in range(2):
        app(environ, lambda *args: None)
    assert [r.code for r in summaries()] == [200, 200]


def test_all_responses_echo_the_request_id() -> None:
    app = make_app(DOCKERFLOW_ECHO_REQUEST_ID=True)
    Dockerflow(app)
    for path in ("/", "/boom", "/missing", "/__lbheartbeat__"):
        answer = app.test_client().get(path, headers={"X-Request-ID": "r1"})
        assert answer.headers["X-Request-ID"] == "r1"


def test_concurrent_requests_keep_their_own_summaries(summaries: Records) -> None:
    together = threading.Barrier(4)
    app = make_app()
    Dockerflow(app)

    @app.get("/<name>")
    def named(name: str) -> str:
        together.wait(timeout=20)
        summary.add_fields(uid=name)
        together.wait(timeout=20)
        return str(flask.g.request_id)

    def ask(name: str) -> None:
        got = app.test_client().get(f"/{name}", headers={"X-Request-ID": name})
        assert got.data == name.encode()

    threads = [threading.Thread(target=ask, args=(n,)) for n in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((r.uid, r.rid, r.path) for r in summaries()) == [
        (name, name, f"/{name}") for name in "abcd"
    ]


def test_concurrent_first_requests_log_one_start_up_record(
    caplog: pytest.LogCaptureFixture, summaries: Records
) -> None:
    caplog.set_level(logging.DEBUG, "dockerflow.middleware")
    together = threading.Barrier(8)
    app = make_app()
    Dockerflow(app)

    def ask() -> None:
        together.wait(timeout=20)
        app.test_client().get("/")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(summaries()) == 8
    said = [r for r in caplog.records if r.name == "dockerflow.middleware"]
    assert len(said) == 1


def test_the_summary_of_a_streamed_error_page_is_logged_at_its_end(
    summaries: Records,
) -> None:
    app = make_app()
    Dockerflow(app)
    app.register_error_handler(500, lambda error: flask.Response(chunks(), 500))
    client = app.test_client()
    answer = client.get("/boom")
    assert summaries() == []
    assert answer.data == b"onetwo"
    answer.close()
    (record,) = summaries()
    assert (record.code, record.error) == (500, "ValueError('boom')")


def test_the_status_of_an_http_exception_is_that_of_its_response(
    summaries: Records,
) -> None:
    app = make_app()
    Dockerflow(app)

    def refuse() -> NoReturn:
        raise HTTPException(response=flask.Response("no", 403))

    app.view_functions["index"] = refuse
    assert app.test_client().get("/", buffered=True).status_code == 403
    assert [r.code for r in summaries()] == [403]


def test_the_summary_of_a_stream_with_a_length_is_logged_at_its_last_byte(
    summaries: Records,
) -> None:
    app = make_app()
    Dockerflow(app)
    app.view_functions["index"] = of_six_bytes(chunks, 502)
    answer = app.test_client().get("/")
    assert summaries() == []
    assert answer.data == b"onetwo"
    assert [r.code for r in summaries()] == [502]


def test_teardown_functions_run_before_the_summary_is_logged(
    summaries: Records,
) -> None:
    seen: list[Any] = []
    app = make_app()
    app.teardown_request(lambda error: seen.append(request_id_context.get()))
    app.teardown_appcontext(lambda error: seen.append(request_id_context.get()))
    Dockerflow(app)
    app.teardown_appcontext(lambda error: seen.append(len(summaries())))
    app.test_client().get("/", headers={"X-Request-ID": "r1"})
    assert seen == ["r1", 0, "r1"]


def leave() -> NoReturn:
    raise SystemExit("too slow")


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: "text", None),
        (sends(chunks), None),
        (sends(lambda: chunks(BOOM)), ValueError),
        (lambda: flask.abort(404), None),
        (raises, ValueError),
        (leave, SystemExit),
    ],
)
def test_a_wsgi_app_taken_before_the_extension_has_summaries(
    summaries: Records, make: Callable[[], Any], error: type[BaseException] | None
) -> None:
    app = make_app(PROPAGATE_EXCEPTIONS=True)
    taken = app.wsgi_app
    Dockerflow(app)
    app.view_functions["index"] = make
    for _ in range(2):
        with contextlib.nullcontext() if error is None else pytest.raises(error):
            server_of(taken).ask("/")
        assert summary.current() is None
    assert len({r.rid for r in summaries()}) == len(summaries()) == 2
    failed = error is not None
    assert {r.levelno == logging.ERROR for r in summaries()} == {failed}


def test_a_wsgi_app_taken_before_the_extension_echoes_the_request_id(
    summaries: Records,
) -> None:
    app = make_app(DOCKERFLOW_ECHO_REQUEST_ID=True)
    taken = app.wsgi_app
    dockerflow = Dockerflow(app)
    dockerflow.user_id = lambda: "u1"  # type: ignore[method-assign]
    answer = server_of(taken).ask("/missing", headers={"X-Request-ID": "r1"})
    assert answer.headers["x-request-id"] == "r1"
    assert [(r.rid, r.code, r.uid) for r in summaries()] == [("r1", 404, "u1")]


def test_the_exception_of_an_application_that_shares_the_environ_is_recorded(
    summaries: Records,
) -> None:
    inner, outer = make_app("inner"), make_app("outer")
    for app in (inner, outer):
        Dockerflow(app)

    @outer.get("/asks")
    def asks() -> Any:
        environ = {**flask.request.environ, "PATH_INFO": "/boom"}
        return flask.Response.from_app(inner, environ)

    outer.test_client().get("/asks", buffered=True)
    (record,) = summaries()
    assert (record.path, record.code, record.error) == (
        *("/asks", 500, "ValueError('boom')"),
    )


def test_a_request_keeps_its_id_after_a_nested_request(summaries: Records) -> None:
    app = make_app()
    Dockerflow(app)

    @app.get("/asks")
    def asks() -> str:
        for path in ("/", "/missing", "/boom"):
            app.test_client().get(path, headers={"X-Request-ID": "inner"})
        return str(request_id_context.get())

    headers = {"X-Request-ID": "outer"}
    assert app.test_client().get("/asks", headers=headers).data == b"outer"
    assert [r.rid for r in summaries()] == [*["inner"] * 3, "outer"]


@pytest.mark.parametrize("kind", [Dockerflow, DockerflowMiddleware])
def test_inside_an_asgi_middleware_there_is_one_summary(
    summaries: Records, kind: Any
) -> None:
    a2wsgi: Any = pytest.importorskip("a2wsgi")
    app: Any = make_app()
    app.add_url_rule("/id", view_func=lambda: request_id_context.get())
    extended = kind(app)
    inner = app if kind is Dockerflow else extended
    door = BareASGI()
    door.application = door.served = DockerflowMiddleware(
        a2wsgi.WSGIMiddleware(inner), interface="asgi"
    )
    headers = {"X-Request-ID": "r1"}
    assert door.ask("/id", headers=headers).body == b"r1"
    assert door.ask("/boom", headers=headers).status == 500
    assert [(r.rid, r.code) for r in summaries()] == [("r1", 200), ("r1", 500)]
    if kind is Dockerflow:
        assert summaries()[1].error == "ValueError('boom')"


def test_a_request_id_header_of_the_view_is_kept() -> None:
    app = make_app(DOCKERFLOW_ECHO_REQUEST_ID=True)
    Dockerflow(app)
    app.view_functions["index"] = lambda: ("", {"x-request-id": "mine"})
    assert app.test_client().get("/").headers.getlist("X-Request-ID") == ["mine"]


Inner = Callable[[Any, Any], Any]


def answers_by_itself(inner: Inner) -> Inner:
    def layer(environ: Any, start_response: Any) -> Any:
        start_response("203 Non-Authoritative", [("Content-Type", "text/plain")])
        return [b"a page"]

    return layer


def streams_by_itself(inner: Inner) -> Inner:
    def layer(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("203 Non-Authoritative", [("Content-Type", "text/plain")])
        yield b"a page"

    return layer


def goes_on_later(inner: Inner) -> Inner:
    def layer(environ: Any, start_response: Any) -> Iterator[bytes]:
        yield from inner(environ, start_response)

    return layer


def sends_headers_late(inner: Inner) -> Inner:
    def layer(environ: Any, start_response: Any) -> Any:
        kept: list[Any] = []
        body = inner(environ, lambda *args: kept.extend(args))

        def chunks() -> Iterator[bytes]:
            try:
                start_response(*kept)
                yield from body
            finally:
                body.close()

        return chunks()

    return layer


def fails_late(inner: Inner) -> Inner:
    def layer(environ: Any, start_response: Any) -> Iterator[bytes]:
        inner(environ, start_response).close()
        yield b""
        raise BOOM

    return layer


def changes_the_status(inner: Inner) -> Inner:
    def layer(environ: Any, start_response: Any) -> Any:
        return inner(environ, lambda status, *more: start_response("203 So", *more))

    return layer


def mounts(inner: Inner) -> Inner:
    mounted = make_app("mounted")
    mounted.view_functions["index"] = lambda: ("a page", 203)
    Dockerflow(mounted)
    return DispatcherMiddleware(inner, {"/mounted": mounted})


@pytest.mark.parametrize(
    ("layer", "path", "code"),
    [
        (answers_by_itself, "/", 203),
        (streams_by_itself, "/", 203),
        (goes_on_later, "/", 200),
        (goes_on_later, "/boom", 500),
        (sends_headers_late, "/", 200),
        (sends_headers_late, "/missing", 404),
        (changes_the_status, "/", 203),
        (mounts, "/mounted/", 203),
    ],
)
def test_the_summary_has_the_status_of_a_middleware_inside_the_extension(
    summaries: Records, layer: Callable[[Inner], Inner], path: str, code: int
) -> None:
    app: Any = make_app()
    app.wsgi_app = layer(app.wsgi_app)
    Dockerflow(app)
    assert server_of(app).ask(path).status == code
    assert [r.code for r in summaries()] == [code]
    assert (summary.current(), request_id_context.get()) == (None, None)


@pytest.mark.parametrize(("path", "code"), [("/", 200), ("/none", 404), ("/boom", 500)])
def test_inside_a_proxy_fix_the_summary_is_logged_at_once(
    summaries: Records, path: str, code: int
) -> None:
    app: Any = make_app()
    app.wsgi_app = ProxyFix(app.wsgi_app)
    Dockerflow(app)
    # Many tests look at the status alone and close no response.
    response = app.test_client().get(path)
    (record,) = summaries()
    assert (response.status_code, record.code) == (code, code)
    assert not hasattr(record, "incomplete")


def test_the_exception_of_a_middleware_inside_the_extension_is_recorded(
    summaries: Records,
) -> None:
    app: Any = make_app()
    app.wsgi_app = fails_late(app.wsgi_app)
    Dockerflow(app)
    with pytest.raises(ValueError, match="boom"):
        server_of(app).ask("/")
    assert [(r.code, r.error) for r in summaries()] == [(500, "ValueError('boom')")]


def test_a_function_after_the_request_may_return_any_wsgi_application(
    summaries: Records,
) -> None:
    app = make_app()
    Dockerflow(app)
    app.after_request(lambda response: NotFound())
    assert app.test_client().get("/").status_code == 404
    assert [r.code for r in summaries()] == [404]


def test_flask_refuses_none_from_a_function_after_the_request(
    summaries: Records,
) -> None:
    app = make_app(PROPAGATE_EXCEPTIONS=True)
    Dockerflow(app)
    app.after_request(lambda response: None)
    with pytest.raises(TypeError, match="NoneType"):
        app.test_client().get("/")
    assert [r.code for r in summaries()] == [500]


def test_the_exception_signal_outside_of_requests_changes_nothing(
    summaries: Records,
) -> None:
    app = make_app()
    Dockerflow(app)
    with app.app_context():
        flask.got_request_exception.send(app, exception=BOOM)
    assert summaries() == []


def test_the_summary_has_the_status_that_a_receiver_sets(summaries: Records) -> None:
    app = make_app()
    Dockerflow(app)

    def changes(sender: Any, response: flask.Response) -> None:
        response.status_code = 202

    with flask.request_finished.connected_to(changes, app):
        assert app.test_client().get("/").status_code == 202
    assert [r.code for r in summaries()] == [202]


def test_teardown_functions_receive_the_exception() -> None:
    app = make_app()
    Dockerflow(app)
    seen: list[Any] = []
    app.teardown_request(seen.append)
    with app.test_request_context("/"):
        try:
            raise BOOM
        except ValueError:
            app.do_teardown_request()
    assert seen == [BOOM, None]


def test_g_has_the_id_of_a_nested_request_while_its_summary_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen = []

    def handle(record: Any) -> None:
        known = flask.has_app_context()
        seen.append((record.rid, flask.g.request_id if known else None))

    caplog.set_level(logging.INFO)
    monkeypatch.setattr(summary.logger, "handle", handle)
    app = make_app()
    Dockerflow(app)

    @app.get("/asks")
    def asks() -> str:
        return app.test_client().get("/", headers={"X-Request-ID": "inner"}).text

    app.test_client().get("/asks")
    assert seen[0] == ("inner", "inner")
