from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator

from dockerflow_mw import DockerflowMiddleware, summary
from dockerflow_mw.request_id import request_id_context
from dockerflow_mw.settings import SettingsError

HTTP = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "method": "GET",
    "path": "/",
    "query_string": b"",
    "headers": [(b"x-request-id", b"abc")],
}
START = {"type": "http.response.start", "status": 200, "headers": []}
END = {"type": "http.response.body", "body": b"end"}


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def summaries(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [r for r in caplog.records if r.name == "request.summary"]


async def page(scope: Any, receive: Any, send: Any) -> None:
    await send(START)
    await send(END)


async def test_http_passes_through_message_by_message() -> None:
    client = ApplicationCommunicator(DockerflowMiddleware(page), dict(HTTP))
    assert await client.receive_output(timeout=20) is START
    assert await client.receive_output(timeout=20) is END
    await client.wait(timeout=20)


async def test_a_websocket_passes_and_has_the_request_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(request_id_context.get())
        assert await receive() == {"type": "websocket.connect"}
        await send({"type": "websocket.accept"})
        message = await receive()
        await send({"type": "websocket.send", "text": message["text"]})

    scope = {**HTTP, "type": "websocket", "path": "/__heartbeat__"}
    client = ApplicationCommunicator(DockerflowMiddleware(app), scope)
    await client.send_input({"type": "websocket.connect"})
    assert await client.receive_output(timeout=20) == {"type": "websocket.accept"}
    await client.send_input({"type": "websocket.receive", "text": "hi"})
    answer = await client.receive_output(timeout=20)
    assert answer == {"type": "websocket.send", "text": "hi"}
    await client.wait(timeout=20)
    assert seen == ["abc"]
    assert summaries(caplog) == []


async def test_lifespan_passes_and_tells_what_is_on_when_it_is_up(
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
    client = ApplicationCommunicator(application, scope)
    await client.send_input({"type": "lifespan.startup"})
    await client.receive_output(timeout=20)
    await client.send_input({"type": "lifespan.shutdown"})
    await client.receive_output(timeout=20)
    await client.wait(timeout=20)
    assert scope["state"] == {"x": 1}
    (record,) = (r for r in caplog.records if r.name == "dockerflow.middleware")
    assert record.checks == ["registered late"]  # type: ignore[attr-defined]


async def test_a_lifespan_that_is_refused_is_refused_to_the_server() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise NotImplementedError

    application: Any = DockerflowMiddleware(app)
    with pytest.raises(NotImplementedError):
        await application({"type": "lifespan"}, None, None)


async def test_an_unknown_scope_passes_untouched() -> None:
    seen: list[Any] = []

    async def app(*args: Any) -> None:
        seen.extend(args)

    scope, receive, send = {"type": "telnet"}, object(), object()
    application: Any = DockerflowMiddleware(app)
    await application(scope, receive, send)
    assert seen[0] is scope
    assert (seen[1], seen[2]) == (receive, send)


async def ask(
    app: Any, scope: Any = HTTP, send: Any = None, receive: Any = None
) -> None:
    async def ignore(message: Any) -> None: ...

    application: Any = DockerflowMiddleware(app)
    await application(dict(scope), receive, send or ignore)


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
async def test_the_record_is_there_when_the_last_byte_has_gone(
    caplog: pytest.LogCaptureFixture, messages: list[Any]
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages[:-1]:
            await send(message)
        assert summaries(caplog) == []
        await send(messages[-1])
        assert [r.code for r in summaries(caplog)] == [200]
        assert request_id_context.get() == "abc"

    await ask(app)
    (record,) = summaries(caplog)
    assert not hasattr(record, "disconnected")


async def test_an_exception_after_the_headers_keeps_their_code(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        raise ValueError("torn")

    with pytest.raises(ValueError, match="torn"):
        await ask(app)
    (record,) = summaries(caplog)
    assert (record.code, record.errno, record.levelno) == (200, 500, logging.ERROR)


async def test_no_response_at_all_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    await ask(app)
    (record,) = summaries(caplog)
    assert (record.code, record.levelno) == (500, logging.ERROR)


@pytest.mark.parametrize(
    ("headers_first", "left", "told"),
    [
        (True, True, (200, 0, True, logging.INFO)),
        (False, True, (499, 0, True, logging.INFO)),
        (True, False, (200, 500, False, logging.ERROR)),
        (False, False, (500, 500, False, logging.ERROR)),
    ],
)
async def test_a_cancelled_request_has_lost_its_client_or_its_server(
    caplog: pytest.LogCaptureFixture, headers_first: bool, left: bool, told: Any
) -> None:
    begun = asyncio.Event()
    messages: asyncio.Queue[Any] = asyncio.Queue()
    messages.put_nowait({"type": "http.request", "body": b"a", "more_body": True})

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if headers_first:
            await send(START)
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(ask(app, receive=messages.get))
    await begun.wait()
    if left:
        messages.put_nowait({"type": "http.disconnect"})
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (record,) = summaries(caplog)
    disconnected = hasattr(record, "disconnected")
    assert (record.code, record.errno, disconnected, record.levelno) == told


async def test_a_send_that_fails_has_lost_its_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def send(message: Any) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        await ask(page, send=send)
    (record,) = summaries(caplog)
    assert (record.disconnected, record.levelno) == (True, logging.INFO)


async def test_the_echoed_id_is_added_to_a_copy() -> None:
    sent = []

    async def send(message: Any) -> None:
        sent.append(message)

    application: Any = DockerflowMiddleware(page, echo_request_id=True)
    await application(dict(HTTP), None, send)
    assert sent[0]["headers"] == [(b"x-request-id", b"abc")]
    assert START["headers"] == []


async def test_what_was_set_around_a_request_is_there_again_after_it() -> None:
    request_id_context.set("outside")
    await ask(page)
    assert request_id_context.get() == "outside"
    assert summary.current() is None


@pytest.mark.parametrize(
    ("path", "root", "ours"),
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
async def test_the_mount_point_may_be_part_of_the_path_or_not(
    path: str, root: str, ours: bool
) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await ask(page, {**HTTP, "path": path, "root_path": root}, send)
    assert (sent[1]["body"] == b"") is ours


@pytest.mark.parametrize("path", ["/__lbheartbeat__", "/__version__"])
async def test_what_is_added_outside_to_an_answer_is_not_in_the_next_one(
    path: str,
) -> None:
    app = DockerflowMiddleware(page)
    headers = []
    for _ in range(2):
        client = ApplicationCommunicator(app, {**HTTP, "path": path})
        start = await client.receive_output(timeout=20)
        headers.append(list(start["headers"]))
        # As middlewares do, in place.
        start["headers"].append((b"x-served-by", b"a"))
        start["status"] = 204
        await client.wait(timeout=20)
    assert headers[0] == headers[1]


async def test_a_group_of_an_unknown_check_stops_the_start() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})

    application = DockerflowMiddleware(app, groups={"/__ready__": ["nope"]})
    client = ApplicationCommunicator(application, {"type": "lifespan"})
    await client.send_input({"type": "lifespan.startup"})
    answer = await client.receive_output(timeout=20)
    sentence = (
        "The group /__ready__ cannot be served: There is no check and no tag 'nope';"
        " there are no checks."
    )
    assert answer == {"type": "lifespan.startup.failed", "message": sentence}
    with pytest.raises(SettingsError, match="The group /__ready__ cannot be served"):
        await client.wait(timeout=20)


async def websocket(application: Any, *messages: Any) -> None:
    received = iter(messages)

    async def receive() -> Any:
        return next(received)

    async def send(message: Any) -> None: ...

    await application({**HTTP, "type": "websocket"}, receive, send)


CONNECT = {"type": "websocket.connect"}
ACCEPT = {"type": "websocket.accept"}


@pytest.mark.parametrize(
    ("sent", "received", "told"),
    [
        pytest.param(
            [ACCEPT, {"type": "websocket.close"}],
            [CONNECT],
            {"code": 101, "close_code": 1000},
            id="closed by the application",
        ),
        pytest.param(
            [ACCEPT],
            [CONNECT, {"type": "websocket.disconnect", "code": 1001}],
            {"code": 101, "close_code": 1001},
            id="closed by the client",
        ),
        pytest.param(
            [{"type": "websocket.close", "code": 4000}],
            [CONNECT],
            {"code": 403, "close_code": 4000},
            id="refused",
        ),
        pytest.param(
            [{"type": "websocket.http.response.start", "status": 401}],
            [CONNECT],
            {"code": 401},
            id="refused with a response",
        ),
        pytest.param(
            [],
            [CONNECT, {"type": "websocket.disconnect"}],
            {"code": 499, "close_code": 1005, "disconnected": True},
            id="left before it was accepted",
        ),
    ],
)
async def test_a_websocket_leaves_a_summary_where_that_is_asked_for(
    caplog: pytest.LogCaptureFixture, sent: list[Any], received: list[Any], told: Any
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in received[:1]:
            await receive()
        for message in sent:
            await send(message)
        for _ in received[1:]:
            await receive()

    await websocket(DockerflowMiddleware(app), *received)
    assert summaries(caplog) == []
    logged: Any = DockerflowMiddleware(app, summary_log_websockets=True)
    await websocket(logged, *received)
    (record,) = summaries(caplog)
    assert (record.type, record.method, record.rid) == ("websocket", "GET", "abc")
    names = ("code", "close_code", "disconnected")
    assert {k: v for k, v in vars(record).items() if k in names} == told


async def test_a_websocket_that_fails_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(ACCEPT)
        raise ValueError("torn")

    with pytest.raises(ValueError, match="torn"):
        await websocket(DockerflowMiddleware(app, summary_log_websockets=True))
    (record,) = summaries(caplog)
    assert (record.code, record.error) == (101, "ValueError('torn')")
    assert record.levelno == logging.ERROR


async def test_what_is_no_exception_and_raised_by_logging_leaves_no_request(
    late_logging: type[BaseException],
) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("boom")

    async def idle(*args: Any) -> Any: ...

    app: Any = DockerflowMiddleware(broken)
    with pytest.raises(late_logging):
        await app(dict(HTTP), idle, idle)
    assert (summary.current(), request_id_context.get()) == (None, None)


@pytest.mark.parametrize("path", ["/__lbheartbeat__", "/__version__"])
async def test_a_probe_that_an_inner_middleware_answers_is_one_to_the_outer_one(
    caplog: pytest.LogCaptureFixture, path: str
) -> None:
    inner = DockerflowMiddleware(page)

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await inner({**scope, "path": path}, receive, send)

    app = DockerflowMiddleware(mounted, log_probes="none")
    client = ApplicationCommunicator(app, {**HTTP, "path": f"/inner{path}"})
    await client.receive_output(timeout=20)
    await client.wait(timeout=20)
    assert summaries(caplog) == []


async def test_the_outer_of_two_middlewares_sees_to_the_record(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inner: Any = DockerflowMiddleware(page, summary_log_websockets=True)

    async def between(scope: Any, receive: Any, send: Any) -> None:
        await inner(scope, receive, send)

    await ask(between)
    assert [r.rid for r in summaries(caplog)] == ["abc"]
    await websocket(DockerflowMiddleware(between, summary_log_websockets=True))
    assert [r.code for r in summaries(caplog)] == [200, 500]


async def test_headers_that_can_be_read_once_are_read_for_the_application() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(scope["headers"])

    pair = (b"x-request-id", b"abc")
    await ask(app, {**HTTP, "headers": iter([pair]), "root_path": None})
    assert seen == [pair]


@pytest.mark.parametrize("status", ["200", None, "x"])
async def test_a_status_of_an_odd_type_is_the_server_s_to_refuse(
    caplog: pytest.LogCaptureFixture, status: Any
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "status": status})
        await send(END)

    await ask(app)
    assert [r.code for r in summaries(caplog)] == [200 if status == "200" else 500]


async def test_a_client_that_leaves_before_its_answer_is_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class ClientDisconnect(Exception):
        pass

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.disconnect"
        raise ClientDisconnect

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    application: Any = DockerflowMiddleware(app)
    with pytest.raises(ClientDisconnect):
        await application(dict(HTTP), receive, None)
    (record,) = summaries(caplog)
    assert (record.code, record.disconnected) == (499, True)
    assert record.levelno == logging.INFO


@pytest.mark.parametrize(
    "answer",
    [
        {"type": "websocket.accept"},
        {"type": "websocket.accept", "headers": [(b"x-own", b"1")]},
        {"type": "websocket.http.response.start", "status": 401, "headers": []},
    ],
)
async def test_the_answer_to_a_handshake_carries_the_request_id(
    answer: dict[str, Any],
) -> None:
    sent: list[Any] = []
    own = list(answer.get("headers", []))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(answer)
        await send({"type": "websocket.close"})

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"x-request-id", b"abc")]
    scope = {**HTTP, "type": "websocket", "headers": headers}
    application: Any = DockerflowMiddleware(app, echo_request_id=True)
    await application(scope, None, send)
    handshake, close = sent
    assert handshake == {**answer, "headers": [*own, (b"x-request-id", b"abc")]}
    assert close == {"type": "websocket.close"}
    assert answer.get("headers", []) == own


async def test_an_id_that_the_application_has_set_is_not_echoed_beside_it() -> None:
    sent: list[Any] = []
    headers = [(b"X-Request-ID", b"its own")]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "headers": headers})
        await send(END)

    async def send(message: Any) -> None:
        sent.append(message)

    application: Any = DockerflowMiddleware(app, echo_request_id=True)
    await application(dict(HTTP), None, send)
    assert sent[0]["headers"] == headers


async def test_a_scope_that_a_server_uses_again_has_a_record_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def send(message: Any) -> None: ...

    application: Any = DockerflowMiddleware(page)
    scope = dict(HTTP)
    for _ in range(3):
        await application(scope, None, send)
    assert len(summaries(caplog)) == 3


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        (
            [CONNECT, {"type": "websocket.disconnect", "code": 1006}],
            {"code": 101, "close_code": 1006},
        ),
        ([CONNECT], {"code": 101, "close_code": 1000}),
    ],
)
async def test_who_closes_a_websocket_first_says_why(
    caplog: pytest.LogCaptureFixture, messages: list[Any], told: dict[str, int]
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        for _ in messages[1:]:
            await receive()
        await send({"type": "websocket.close", "code": 1000})

    logged: Any = DockerflowMiddleware(app, summary_log_websockets=True)
    await websocket(logged, *messages)
    (record,) = summaries(caplog)
    assert {name: vars(record)[name] for name in told} == told
