"""The ASGI middleware: HTTP and lifespan."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator

from dockerflow_mw import DockerflowMiddleware, summary
from dockerflow_mw.request_id import request_id_context
from dockerflow_mw.settings import SettingsError
from tests.logs import codes, summaries
from tests.protocols.serving import END, HTTP, START, page, sent_by


async def test_http_messages_pass_unchanged() -> None:
    first, second = await sent_by(DockerflowMiddleware(page), dict(HTTP))
    assert first is START
    assert second is END


async def test_a_scope_of_an_unknown_type_passes_unchanged() -> None:
    seen: list[Any] = []

    async def app(*args: Any) -> None:
        seen.extend(args)

    scope, receive, send = {"type": "telnet"}, object(), object()
    application: Any = DockerflowMiddleware(app)
    await application(scope, receive, send)
    assert seen[0] is scope
    assert (seen[1], seen[2]) == (receive, send)


async def test_the_start_up_record_is_logged_when_the_lifespan_starts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["state"]["x"] = 1
        assert (await receive())["type"] == "lifespan.startup"
        application.check(page, name="registered late")
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        await send({"type": "lifespan.shutdown.complete"})

    application = DockerflowMiddleware(app)
    scope: dict[str, Any] = {"type": "lifespan", "state": {}}
    events = ({"type": f"lifespan.{event}"} for event in ("startup", "shutdown"))
    sent = await sent_by(application, scope, *events)
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert scope["state"] == {"x": 1}
    (record,) = (r for r in caplog.records if r.name == "dockerflow.middleware")
    assert record.checks == ["registered late"]  # type: ignore[attr-defined]


async def test_an_application_may_refuse_the_lifespan() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        await sent_by(DockerflowMiddleware(app), {"type": "lifespan"})


async def test_a_group_with_an_unknown_check_stops_the_start() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})

    application = DockerflowMiddleware(app, groups={"/__ready__": ["nope"]})
    client = ApplicationCommunicator(application, {"type": "lifespan"})
    await client.send_input({"type": "lifespan.startup"})
    answer = await client.receive_output(timeout=20)
    message = (
        "The group /__ready__ cannot be served: There is no check and no tag 'nope';"
        " there are no checks."
    )
    assert answer == {"type": "lifespan.startup.failed", "message": message}
    with pytest.raises(SettingsError, match="The group /__ready__ cannot be served"):
        await client.wait(timeout=20)


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([START, END], id="one body"),
        pytest.param(
            [START, {"type": "http.response.body", "more_body": True}, END], id="stream"
        ),
        pytest.param(
            [START, {"type": "http.response.pathsend", "path": "/x"}], id="pathsend"
        ),
        pytest.param([START, {"type": "http.response.zerocopysend"}], id="zero copy"),
        pytest.param(
            [
                {**START, "trailers": True},
                END,
                {"type": "http.response.trailers", "more_trailers": True},
                {"type": "http.response.trailers"},
            ],
            id="trailers",
        ),
    ],
)
async def test_the_summary_is_logged_with_the_last_message(
    caplog: pytest.LogCaptureFixture, messages: list[Any]
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages[:-1]:
            await send(message)
        assert summaries(caplog) == []
        await send(messages[-1])
        assert codes(caplog) == [200]
        assert request_id_context.get() == "abc"

    await sent_by(DockerflowMiddleware(app), dict(HTTP))
    (record,) = summaries(caplog)
    assert not hasattr(record, "disconnected")


@pytest.mark.parametrize(
    ("headers_first", "code"),
    [
        pytest.param(True, 200, id="after the headers"),
        pytest.param(False, 499, id="before the headers"),
    ],
)
async def test_a_cancelled_request_counts_as_disconnected(
    caplog: pytest.LogCaptureFixture, headers_first: bool, code: int
) -> None:
    started = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if headers_first:
            await send(START)
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(sent_by(DockerflowMiddleware(app), dict(HTTP)))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (record,) = summaries(caplog)
    assert (record.code, record.errno, record.levelno) == (code, 0, logging.INFO)
    assert record.disconnected is True


async def test_a_failed_send_counts_as_disconnected(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def send(message: Any) -> None:
        raise BrokenPipeError

    application: Any = DockerflowMiddleware(page)
    with pytest.raises(BrokenPipeError):
        await application(dict(HTTP), None, send)
    (record,) = summaries(caplog)
    assert (record.disconnected, record.levelno) == (True, logging.INFO)


@pytest.mark.parametrize("status", ["200", None, "x"])
async def test_a_status_that_is_not_a_number_is_logged_as_500(
    caplog: pytest.LogCaptureFixture, status: Any
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "status": status})
        await send(END)

    await sent_by(DockerflowMiddleware(app), dict(HTTP))
    assert codes(caplog) == [200 if status == "200" else 500]


async def test_the_echo_leaves_the_message_of_the_application_unchanged() -> None:
    application = DockerflowMiddleware(page, echo_request_id=True)
    start, _ = await sent_by(application, dict(HTTP))
    assert start["headers"] == [(b"x-request-id", b"abc")]
    assert START["headers"] == []


async def test_an_id_header_of_the_application_replaces_the_echo() -> None:
    headers = [(b"X-Request-ID", b"its own")]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "headers": headers})
        await send(END)

    application = DockerflowMiddleware(app, echo_request_id=True)
    start, _ = await sent_by(application, dict(HTTP))
    assert start["headers"] == headers


async def test_an_id_set_before_the_request_is_restored_after_it() -> None:
    request_id_context.set("outside")
    await sent_by(DockerflowMiddleware(page), dict(HTTP))
    assert request_id_context.get() == "outside"
    assert summary.current() is None


async def test_a_base_exception_of_logging_leaves_no_current_request(
    logging_timeout: type[BaseException],
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("boom")

    with pytest.raises(logging_timeout):
        await sent_by(DockerflowMiddleware(app), dict(HTTP))
    assert (summary.current(), request_id_context.get()) == (None, None)


@pytest.mark.parametrize(
    ("path", "root", "is_endpoint"),
    [
        ("/api/__lbheartbeat__", "/api", True),
        ("/__lbheartbeat__", "/api", True),
        ("/api/__lbheartbeat__/", "/api/", True),
        ("/apix/__lbheartbeat__", "/api", False),
        ("/api/api/__lbheartbeat__", "/api", False),
        ("/api__lbheartbeat__", "/api", False),
        ("/api/__lbheartbeat__", "", False),
    ],
)
async def test_the_path_may_include_the_mount_point(
    path: str, root: str, is_endpoint: bool
) -> None:
    scope = {**HTTP, "path": path, "root_path": root}
    _, body = await sent_by(DockerflowMiddleware(page), scope)
    assert (body["body"] == b"") is is_endpoint


@pytest.mark.parametrize("path", ["/__lbheartbeat__", "/__version__"])
async def test_changes_of_an_outer_middleware_do_not_reach_the_next_response(
    path: str,
) -> None:
    application = DockerflowMiddleware(page)
    headers = []
    for _ in range(2):
        start, _ = await sent_by(application, {**HTTP, "path": path})
        headers.append(list(start["headers"]))
        start["headers"].append((b"x-served-by", b"a"))
        start["status"] = 204
    assert headers[0] == headers[1]


async def test_headers_of_a_generator_reach_the_application() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(scope["headers"])

    pair = (b"x-request-id", b"abc")
    scope = {**HTTP, "headers": iter([pair]), "root_path": None}
    await sent_by(DockerflowMiddleware(app), scope)
    assert seen == [pair]


async def test_a_scope_that_a_server_reuses_has_one_summary_for_each_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    application = DockerflowMiddleware(page)
    scope = dict(HTTP)
    for _ in range(3):
        await sent_by(application, scope)
    assert len(summaries(caplog)) == 3


async def test_nested_middlewares_log_one_summary(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inner: Any = DockerflowMiddleware(page)

    async def between(scope: Any, receive: Any, send: Any) -> None:
        await inner(scope, receive, send)

    await sent_by(DockerflowMiddleware(between), dict(HTTP))
    assert [r.rid for r in summaries(caplog)] == ["abc"]


@pytest.mark.parametrize("path", ["/__lbheartbeat__", "/__version__"])
async def test_a_probe_of_the_inner_middleware_is_a_probe_of_the_outer_one(
    caplog: pytest.LogCaptureFixture, path: str
) -> None:
    inner: Any = DockerflowMiddleware(page)

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await inner({**scope, "path": path}, receive, send)

    application = DockerflowMiddleware(mounted, log_probes="none")
    assert await sent_by(application, {**HTTP, "path": f"/inner{path}"})
    assert summaries(caplog) == []
