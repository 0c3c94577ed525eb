"""The middleware over WSGI and ASGI."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import logging
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import django
import pytest
from django.core.exceptions import PermissionDenied
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    StreamingHttpResponse,
)
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject

from dockerflow_mw import DockerflowMiddleware, summary
from dockerflow_mw.django.middleware import DockerflowMiddleware as Inside
from dockerflow_mw.django.service import current_service
from dockerflow_mw.request_id import request_id_context
from dockerflow_mw.settings import SettingsError
from tests.django import middlewares
from tests.django.asking import ASK, ask_asgi, ask_wsgi, project, summaries

Ask = Callable[..., tuple[int, bytes]]
Caplog = pytest.LogCaptureFixture

pytestmark = pytest.mark.usefixtures("info")

asking = pytest.mark.parametrize("ask", ASK)


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"a page")


def boom(request: HttpRequest) -> HttpResponse:
    raise ValueError("boom")


def missing(request: HttpRequest) -> HttpResponse:
    raise Http404("nothing here")


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def unavailable(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=503)


def not_found(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=404)


@contextlib.contextmanager
def broken_off() -> Iterator[None]:
    """Ignore the file that Django leaves open when a request is cancelled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@asking
@pytest.mark.parametrize(
    ("view", "code", "errno", "level", "error"),
    [
        pytest.param(page, 200, 0, logging.INFO, None, id="200"),
        pytest.param(not_found, 404, 0, logging.INFO, None, id="404 returned"),
        pytest.param(missing, 404, 0, logging.INFO, None, id="404 raised"),
        pytest.param(forbidden, 403, 0, logging.INFO, None, id="403 raised"),
        pytest.param(unavailable, 503, 503, logging.ERROR, None, id="503 returned"),
        pytest.param(
            boom, 500, 500, logging.ERROR, "ValueError('boom')", id="an exception"
        ),
    ],
)
def test_the_summary_has_the_status_and_the_failure(
    caplog: Caplog,
    ask: Ask,
    view: Any,
    code: int,
    errno: int,
    level: int,
    error: str | None,
) -> None:
    with project(view):
        assert ask()[0] == code
    (record,) = summaries(caplog)
    assert (record.code, record.errno, record.levelno) == (code, errno, level)
    assert vars(record).get("error") == error
    assert record.getMessage() == ("boom" if error else "")


@asking
@pytest.mark.parametrize("path", ["/", "/__lbheartbeat__", "/__version__"])
def test_each_request_has_its_own_id(caplog: Caplog, ask: Ask, path: str) -> None:
    with project(page):
        for _ in range(2):
            ask(path)
    one, other = (record.rid for record in summaries(caplog))
    assert one != other
    assert len(one) == len(other) == 32


@asking
@pytest.mark.parametrize("view", [page, boom, missing])
def test_no_summary_is_current_after_a_request(ask: Ask, view: Any) -> None:
    with project(view):
        ask()
    assert (summary.current(), request_id_context.get()) == (None, None)


@asking
@pytest.mark.parametrize(("view", "code"), [(missing, 404), (boom, 500)])
def test_django_s_log_records_have_the_request_id(
    ask: Ask, view: Any, code: int
) -> None:
    seen: list[Any] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append((vars(record)["status_code"], request_id_context.get()))

    def answers(request: HttpRequest) -> HttpResponse:
        seen.append(request._id)
        return view(request)

    logger, handler = logging.getLogger("django.request"), Handler()
    logger.addHandler(handler)
    try:
        with project(answers):
            ask()
    finally:
        logger.removeHandler(handler)
    rid, logged = seen
    assert logged == (code, rid)


@asking
@pytest.mark.parametrize("last", [True, False])
def test_the_view_has_the_request_id_at_any_place_of_the_middleware(
    caplog: Caplog, ask: Ask, last: bool
) -> None:
    seen: list[Any] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append((request_id_context.get(), request._id))
        summary.add_fields(route="/a")
        return HttpResponse()

    others = ["tests.django.middlewares.sync_only"]
    ours = "dockerflow_mw.django.middleware.DockerflowMiddleware"
    with project(view, MIDDLEWARE=[*others, ours] if last else [ours, *others]):
        ask()
    (record,) = summaries(caplog)
    assert seen == [(record.rid, record.rid)]
    assert record.route == "/a"


def test_an_async_stack_needs_no_thread(caplog: Caplog) -> None:
    threads: set[int] = set()

    async def view(request: HttpRequest) -> HttpResponse:
        threads.add(threading.get_ident())
        return HttpResponse()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            threads.add(threading.get_ident())

    logger, handler = logging.getLogger("request.summary"), Handler()
    logger.addHandler(handler)
    try:
        with project(view):
            ask_asgi()
            ask_asgi("/__lbheartbeat__")
    finally:
        logger.removeHandler(handler)
    assert threads == {threading.get_ident()}


@pytest.mark.skipif(django.VERSION < (5,), reason="Django does not look before 5.0.")
def test_a_client_that_disconnects_before_the_response_is_logged(
    caplog: Caplog,
) -> None:
    async def view(request: HttpRequest) -> HttpResponse:
        await asyncio.Event().wait()
        return HttpResponse()

    with project(view):
        assert ask_asgi(stays=False) == (0, b"")
    (record,) = summaries(caplog)
    assert (record.code, record.disconnected, record.levelno) == (499, True, 20)


def test_a_cancelled_request_counts_as_disconnected(caplog: Caplog) -> None:
    async def view(request: HttpRequest) -> HttpResponse:
        raise asyncio.CancelledError

    with project(view), broken_off(), contextlib.suppress(asyncio.CancelledError):
        ask_asgi()
    (record,) = summaries(caplog)
    assert (record.code, record.disconnected, record.levelno) == (499, True, 20)


@asking
def test_the_application_may_send_its_own_request_id(ask: Ask) -> None:
    sent: list[Any] = []

    def view(request: HttpRequest) -> HttpResponse:
        headers = {"x-request-id": "mine"} if request.path == "/mine" else {}
        return HttpResponse(headers=headers)

    def keep(get_response: Any) -> Any:
        def served(request: HttpRequest) -> Any:
            response = get_response(request)
            sent.append((response.headers["X-Request-ID"], request._id))
            return response

        return served

    middlewares.KEEP = keep
    ours = "dockerflow_mw.django.middleware.DockerflowMiddleware"
    both = ["tests.django.middlewares.keep", ours]
    with project(view, MIDDLEWARE=both, DOCKERFLOW_ECHO_REQUEST_ID=True):
        ask("/mine")
        ask("/")
    assert sent[0][0] == "mine"
    assert sent[1][0] == sent[1][1]


# Users


@asking
def test_the_user_is_not_loaded_for_the_log(caplog: Caplog, ask: Ask) -> None:
    middlewares.LOADED.clear()
    with project(page, "tests.django.middlewares.lazy_user"):
        ask()
    (record,) = summaries(caplog)
    assert (record.uid, middlewares.LOADED) == ("", [])


@asking
def test_the_user_is_loaded_for_the_log_with_the_setting(
    caplog: Caplog, ask: Ask
) -> None:
    middlewares.LOADED.clear()
    user = "tests.django.middlewares.lazy_user"
    with project(page, user, DOCKERFLOW_SUMMARY_LOAD_USER=True):
        ask()
        ask("/__lbheartbeat__")
    assert [record.uid for record in summaries(caplog)] == [7, ""]
    assert middlewares.LOADED == ["a query, not on an event loop"]


@asking
def test_a_user_that_cannot_be_loaded_does_not_change_the_response(
    caplog: Caplog, ask: Ask
) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        request.user = SimpleLazyObject(lambda: 1 / 0)
        return HttpResponse(b"fine")

    with project(view, DOCKERFLOW_SUMMARY_LOAD_USER=True):
        assert ask() == (200, b"fine")
    assert [record.uid for record in summaries(caplog)] == [""]
    text = "What Django knows of a request could not be logged."
    assert ("dockerflow.django", logging.ERROR, text) in caplog.record_tuples


@asking
def test_the_user_that_the_view_has_loaded_is_logged(caplog: Caplog, ask: Ask) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(str(request.user.pk))

    with project(view, "tests.django.middlewares.lazy_user"):
        assert ask() == (200, b"7")
    assert [record.uid for record in summaries(caplog)] == [7]


@pytest.mark.parametrize(
    ("attributes", "uid"),
    [
        pytest.param({"user": middlewares.User("u1")}, "u1", id="set"),
        pytest.param({"user": middlewares.User(None, False)}, "", id="anonymous"),
        pytest.param({"_cached_user": middlewares.User(3)}, 3, id="get_user"),
        pytest.param({"_acached_user": middlewares.User(4)}, 4, id="auser"),
        pytest.param({"_cached_user": middlewares.User(9, False)}, "", id="no one"),
        pytest.param({"user": object()}, "", id="an object"),
    ],
)
def test_a_loaded_user_is_found(
    caplog: Caplog, attributes: dict[str, Any], uid: Any
) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        vars(request).update(attributes)
        return HttpResponse()

    with project(view, "tests.django.middlewares.lazy_user"):
        ask_wsgi()
    assert [record.uid for record in summaries(caplog)] == [uid]


def test_an_application_s_own_uid_stays(caplog: Caplog) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        request.user = middlewares.User(1)
        summary.add_fields(uid="mine")
        return HttpResponse()

    with project(view):
        ask_wsgi()
    assert [record.uid for record in summaries(caplog)] == ["mine"]


def test_a_user_that_raises_does_not_change_the_response(caplog: Caplog) -> None:
    class Hostile:
        is_authenticated = True

        @property
        def pk(self) -> int:
            raise RuntimeError

    def view(request: HttpRequest) -> HttpResponse:
        request.user = Hostile()
        return HttpResponse(b"fine")

    with project(view):
        assert ask_wsgi() == (200, b"fine")
    assert [record.uid for record in summaries(caplog)] == [""]


# Streams


class Steps:
    """A stream of two chunks, which may raise after them."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails

    def __iter__(self) -> Iterator[bytes]:
        yield b"one"
        yield b"two"
        if self.fails:
            raise ValueError("torn")

    async def stream(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk
            await asyncio.sleep(0)


def told(caplog: Caplog) -> tuple[Any, ...]:
    (record,) = summaries(caplog)
    fields = vars(record)
    disconnected = fields.get("disconnected", False)
    return record.code, record.errno, disconnected, fields.get("error")


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_a_sync_stream_under_asgi_is_logged_after_its_last_byte_is_sent(
    caplog: Caplog,
) -> None:
    seen: list[tuple[bytes, int]] = []

    def wrap(app: Any) -> Any:
        async def served(scope: Any, receive: Any, send: Any) -> None:
            async def observed(message: Any) -> None:
                seen.append((message.get("body", b""), len(summaries(caplog))))
                await send(message)

            await app(scope, receive, observed)

        return served

    with project(lambda request: StreamingHttpResponse(Steps())), broken_off():
        assert ask_asgi(wrap=wrap) == (200, b"onetwo")
    assert seen == [(b"", 0), (b"one", 0), (b"two", 0), (b"", 0)]
    assert told(caplog) == (200, 0, False, None)


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_a_sync_stream_under_asgi_that_raises_is_logged(caplog: Caplog) -> None:
    with (
        project(lambda request: StreamingHttpResponse(Steps(fails=True))),
        broken_off(),
        pytest.raises(ValueError, match="torn"),
    ):
        ask_asgi()
    assert told(caplog) == (200, 500, False, "ValueError('torn')")
    assert not hasattr(summaries(caplog)[0], "incomplete")


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("fails", "leaves", "expected"),
    [
        (False, False, (200, 0, False, None)),
        (True, False, (200, 500, False, "ValueError('torn')")),
        (False, True, (200, 0, True, None)),
    ],
)
def test_a_stream_is_logged_at_its_end(
    caplog: Caplog, is_async: bool, fails: bool, leaves: bool, expected: Any
) -> None:
    steps = Steps(fails)
    seen: list[int] = []

    def sync_view(request: HttpRequest) -> StreamingHttpResponse:
        def stream() -> Iterator[bytes]:
            for chunk in steps:
                seen.append(len(summaries(caplog)))
                yield chunk

        return StreamingHttpResponse(stream())

    async def async_view(request: HttpRequest) -> StreamingHttpResponse:
        async def stream() -> AsyncIterator[bytes]:
            async for chunk in steps.stream():
                seen.append(len(summaries(caplog)))
                yield chunk

        return StreamingHttpResponse(stream())

    with project(async_view if is_async else sync_view), broken_off():
        try:
            if is_async:
                ask_asgi(leaves=leaves)
            else:
                ask_wsgi(chunks=1 if leaves else None)
        except ValueError:
            assert fails
    assert set(seen) == {0}
    code, errno, disconnected, error = told(caplog)
    if leaves and is_async:
        # Django cancels what the stream waits for, or only its sending; before
        # version 5, it does not look whether the client is still there.
        error, disconnected = None, disconnected or django.VERSION < (5,)
    assert (code, errno, disconnected, error) == expected
    assert (summary.current(), request_id_context.get()) == (None, None)


def test_a_stream_that_is_never_read_is_logged(caplog: Caplog) -> None:
    def view(request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(Steps())

    with project(view):
        Inside(view)(RequestFactory().get("/"))
        # Django's responses are in reference cycles.
        gc.collect()
    (record,) = summaries(caplog)
    assert (record.code, record.incomplete) == (200, True)


class Wrapper:
    """A file wrapper of a server."""

    def __init__(self, file: Any, size: int = 8192) -> None:
        self.file = file
        self.close = file.close

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.file.read(8192), b"")


def test_the_server_may_send_a_file_itself(caplog: Caplog) -> None:
    seen: list[Any] = []

    def view(request: HttpRequest) -> FileResponse:
        return FileResponse(io.BytesIO(b"a file"))

    def wrapped(handler: Any) -> Any:
        def served(environ: Any, start_response: Any) -> Any:
            seen.append(handler(environ, start_response))
            return seen[0]

        return served

    with project(view):
        environ: dict[str, Any] = {"wsgi.file_wrapper": Wrapper}
        answer = ask_wsgi(wrap=wrapped, **environ)
        assert answer == (200, b"a file")
        assert type(seen[0]) is Wrapper
        assert ask_wsgi() == (200, b"a file")
    sent, read = summaries(caplog)
    assert (sent.code, sent.sendfile) == (200, True)
    assert (read.code, hasattr(read, "sendfile")) == (200, False)


# The middleware around Django


@asking
def test_an_outer_middleware_logs_the_only_summary(caplog: Caplog, ask: Ask) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        if request.path == "/boom":
            boom(request)
        return HttpResponse(str(request.user.pk))

    with project(view, "tests.django.middlewares.lazy_user"):
        assert ask(wrap=DockerflowMiddleware) == (200, b"7")
        assert ask("/boom", wrap=DockerflowMiddleware)[0] == 500
    fine, broken = summaries(caplog)
    assert (fine.code, fine.uid) == (200, 7)
    assert (broken.code, broken.errno, broken.error) == (
        500,
        500,
        "ValueError('boom')",
    )
    assert broken.getMessage() == "boom"
    assert summary.current() is None


# Subclasses and settings


@asking
def test_the_fields_of_a_subclass_are_logged(caplog: Caplog, ask: Ask) -> None:
    with project(page, MIDDLEWARE=["tests.django.middlewares.Joanie"]):
        ask("/secret")
    (record,) = summaries(caplog)
    assert (record.path, record.method, record.course) == ("/hidden", "GET", "a course")
    assert (record.errno, record.code) == (0, 200)
    assert not [name for name in vars(record) if name.startswith("fields.")]


def test_the_fields_of_a_subclass_do_not_hide_a_failure(caplog: Caplog) -> None:
    with project(boom, MIDDLEWARE=["tests.django.middlewares.Joanie"]):
        ask_wsgi()
    assert [record.errno for record in summaries(caplog)] == [500]


def test_a_subclass_may_add_fields(caplog: Caplog) -> None:
    with project(page, MIDDLEWARE=["tests.django.middlewares.Inherited"]):
        ask_wsgi("/x", HTTP_USER_AGENT="me")
    (record,) = summaries(caplog)
    assert (record.path, record.agent) == ("/x", "me")
    assert (record.errno, record.uid) == (107, "theirs")


def test_a_subclass_that_raises_does_not_change_the_response(caplog: Caplog) -> None:
    with project(page, MIDDLEWARE=["tests.django.middlewares.Raising"]):
        assert ask_wsgi() == (200, b"a page")
    assert [record.code for record in summaries(caplog)] == [200]
    text = "What Django knows of a request could not be logged."
    assert ("dockerflow.django", logging.ERROR, text) in caplog.record_tuples


@asking
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/__lbheartbeat__", b""),
        ("/api/__lbheartbeat__/", b""),
        ("/api/__heartbeat__", b'{"status": "ok"}'),
        ("/mine", b"mine"),
        ("/__lbheartbeat__", b"a page"),
        ("/ready", b'{"status": "ok"}'),
    ],
)
def test_a_subclass_may_move_the_endpoints(ask: Ask, path: str, body: bytes) -> None:
    groups = {"/ready": "deep"}
    with project(
        page,
        MIDDLEWARE=["tests.django.middlewares.OtherPaths"],
        DOCKERFLOW_GROUPS=groups,
    ):
        current_service().check(lambda: None, name="x", tags="deep")
        assert ask(path) == (200, body)


@asking
def test_an_outer_middleware_counts_inner_endpoints_as_probes(
    caplog: Caplog, ask: Ask
) -> None:
    def wrap(app: Any) -> Any:
        # This middleware has no groups.
        return DockerflowMiddleware(app, log_probes="none")

    with project(page, DOCKERFLOW_GROUPS={"/ready": "deep"}):
        current_service().check(lambda: None, name="x", tags="deep")
        assert ask("/ready", wrap=wrap) == (200, b'{"status": "ok"}')
        assert summaries(caplog) == []
        ask("/", wrap=wrap)
    assert [record.path for record in summaries(caplog)] == ["/"]


@pytest.mark.parametrize(
    ("path", "matches"),
    [
        ("/__version__", True),
        ("/__heartbeat__/", True),
        ("/__lbheartbeat__", True),
        ("/__error__", True),
        ("/__error__x", False),
        ("/", False),
    ],
)
def test_viewpatterns_match_the_endpoints(path: str, matches: bool) -> None:
    found = [view for pattern, view in Inside.viewpatterns if pattern.match(path)]
    assert bool(found) is matches


def test_the_error_endpoint_sends_django_s_exception_signal(caplog: Caplog) -> None:
    from django.core.signals import got_request_exception

    seen: list[Any] = []

    def watch(request: HttpRequest, **_: Any) -> None:
        seen.append(request.path)

    got_request_exception.connect(watch)
    try:
        with project(page):
            assert [ask("/__error__")[0] for ask in ASK] == [500, 500]
        with project(page, DOCKERFLOW_ERROR_ENDPOINT=False):
            assert [ask("/__error__")[0] for ask in ASK] == [200, 200]
    finally:
        got_request_exception.disconnect(watch)
    assert seen == ["/__error__", "/__error__"]
    errors = [record.levelno for record in summaries(caplog)]
    assert errors == [logging.ERROR, logging.ERROR, logging.INFO, logging.INFO]


def test_an_invalid_setting_stops_the_start() -> None:
    changes = {"DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE": 200}
    sentence = "DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE is 200; it must be a whole"
    with project(page, **changes), pytest.raises(SettingsError, match=sentence):
        ask_wsgi()


def test_a_setting_that_a_test_changes_takes_effect() -> None:
    from django.test import override_settings

    with project(page):
        handler = Inside(page)
        request = RequestFactory().get("/__version__")
        assert handler(request).status_code == 404
        with override_settings(DOCKERFLOW_VERSION_CALLBACK=lambda root: {"a": 1}):
            assert handler(RequestFactory().get("/__version__")).status_code == 200


def test_a_wrong_argument_raises_a_type_error() -> None:
    with pytest.raises(TypeError):
        Inside(page, "more")  # type: ignore[call-arg]
    with project(page):
        assert Inside().get_response is None


def test_debug_propagate_exceptions_propagates_them(caplog: Caplog) -> None:
    with (
        project(boom, DEBUG_PROPAGATE_EXCEPTIONS=True),
        pytest.raises(ValueError, match="boom"),
    ):
        ask_wsgi()
    (record,) = summaries(caplog)
    assert (record.code, record.error) == (500, "ValueError('boom')")
    assert summary.current() is None


@asking
def test_the_application_may_set_request_scope(caplog: Caplog, ask: Ask) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        request.scope = "read write"
        raise ValueError("boom")

    with project(view):
        assert ask()[0] == 500
    (record,) = summaries(caplog)
    assert record.code == 500


def test_under_asgi_a_stream_that_raises_at_once_has_its_status(caplog: Caplog) -> None:
    async def stream(chunks: list[bytes]) -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk
        raise ValueError("boom")

    def view(request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(stream([]))

    with broken_off(), project(view), pytest.raises(ValueError, match="boom"):
        ask_asgi()
    (record,) = summaries(caplog)
    assert (record.code, record.errno, record.levelno) == (200, 500, logging.ERROR)
