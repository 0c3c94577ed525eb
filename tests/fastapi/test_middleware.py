"""The middlewares: alone, in either order, and around other kinds of applications."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from fastapi import FastAPI, HTTPException, Request, Response, WebSocket
from fastapi.responses import StreamingResponse
from starlette.applications import Starlette

from dockerflow_mw import DockerflowMiddleware
from dockerflow_mw.fastapi.middleware import (
    MozlogRequestSummaryLogger,
    RequestIdMiddleware,
)
from dockerflow_mw.request_id import request_id_context
from dockerflow_mw.settings import SettingsError
from tests.fastapi.talk import ANSWERS_WITHIN, client_of, started

Summaries = Callable[[], list[Any]]

ORDERS = [
    pytest.param((RequestIdMiddleware, MozlogRequestSummaryLogger), id="summary outer"),
    pytest.param((MozlogRequestSummaryLogger, RequestIdMiddleware), id="id outer"),
]


def site(*middlewares: Any, **settings: Any) -> FastAPI:
    """Return an application. The last one of the middlewares is the outermost."""
    app = FastAPI()
    for name, value in settings.items():
        setattr(app.state, name, value)
    for middleware in middlewares:
        app.add_middleware(middleware)

    @app.get("/")
    async def index() -> str | None:
        return request_id_context.get()

    @app.get("/sync")
    def sync() -> str | None:
        return request_id_context.get()

    @app.get("/missing")
    async def missing() -> None:
        raise HTTPException(404)

    @app.get("/unavailable")
    async def unavailable() -> Response:
        return Response(status_code=503)

    @app.get("/boom")
    async def boom() -> None:
        raise ValueError("boom")

    return app


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("sent", [{"X-Request-ID": "abc-123"}, {}])
async def test_views_and_summaries_have_the_same_id_in_either_order(
    order: tuple[Any, ...], sent: dict[str, str], summaries: Summaries
) -> None:
    async with client_of(site(*order)) as client:
        ids = [(await client.get(p, headers=sent)).json() for p in ("/", "/sync")]
    assert [record.rid for record in summaries()] == ids
    assert all(len(rid) == 32 or rid == "abc-123" for rid in ids)
    assert request_id_context.get() is None


@pytest.mark.parametrize("order", ORDERS)
async def test_the_response_has_the_request_id_once(
    order: tuple[Any, ...], summaries: Summaries
) -> None:
    async with client_of(site(*order, DOCKERFLOW_ECHO_REQUEST_ID=True)) as client:
        answer = await client.get("/")
    assert answer.headers.get_list("x-request-id") == [summaries()[0].rid]


async def test_the_request_id_middleware_alone_logs_no_summary(
    summaries: Summaries,
) -> None:
    async with client_of(site(RequestIdMiddleware)) as client:
        answer = await client.get("/", headers={"X-Request-ID": "abc"})
    assert (answer.json(), summaries()) == ("abc", [])


async def test_the_summary_logger_alone_sets_an_id(summaries: Summaries) -> None:
    async with client_of(site(MozlogRequestSummaryLogger)) as client:
        answer = await client.get("/")
    assert [record.rid for record in summaries()] == [answer.json()]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("path", "code", "errno", "level"),
    [
        ("/", 200, 0, logging.INFO),
        ("/missing", 404, 0, logging.INFO),
        ("/nowhere", 404, 0, logging.INFO),
        ("/unavailable", 503, 503, logging.ERROR),
        ("/boom", 500, 500, logging.ERROR),
    ],
)
async def test_the_level_and_errno_of_a_summary_follow_the_status(
    order: tuple[Any, ...],
    path: str,
    code: int,
    errno: int,
    level: int,
    summaries: Summaries,
) -> None:
    async with client_of(site(*order)) as client:
        assert (await client.get(path)).status_code == code
    (record,) = summaries()
    assert (record.code, record.errno, record.levelno) == (code, errno, level)


async def test_around_the_application_a_summary_has_the_status_of_the_error_handler(
    summaries: Summaries,
) -> None:
    app = site(DOCKERFLOW_SUMMARY_LOG_QUERYSTRING=True)

    @app.exception_handler(Exception)
    async def sorry(request: Request, error: Exception) -> Response:
        return Response(status_code=503)

    async with client_of(
        RequestIdMiddleware(MozlogRequestSummaryLogger(app))
    ) as client:
        await client.get("/boom?a=1")
    (record,) = summaries()
    assert (record.code, record.errno, record.querystring) == (503, 503, "a=1")


async def test_a_summary_is_logged_after_the_last_byte(summaries: Summaries) -> None:
    counts = []
    app = site(MozlogRequestSummaryLogger)

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            for chunk in (b"one", b"two"):
                yield chunk
                counts.append(len(summaries()))

        return StreamingResponse(chunks())

    async with client_of(app) as client:
        assert (await client.get("/stream")).content == b"onetwo"
    counts.append(len(summaries()))
    assert counts == [0, 0, 1]


async def test_summaries_are_logged_with_the_given_logger(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    mine = logging.getLogger("mine.summary")
    for order in ("inner", "outer"):
        app = site()
        if order == "inner":
            app.add_middleware(MozlogRequestSummaryLogger, logger=mine)
            app.add_middleware(RequestIdMiddleware)
        else:
            app.add_middleware(RequestIdMiddleware)
            app.add_middleware(MozlogRequestSummaryLogger, logger=mine)
        async with client_of(app) as client:
            await client.get("/")
    names = [r.name for r in caplog.records if r.name.endswith("summary")]
    assert names == ["mine.summary", "mine.summary"]


def test_making_a_summary_logger_leaves_logging_unchanged() -> None:
    logger = logging.getLogger("request.summary")
    before = (list(logger.handlers), logger.level, logger.propagate)
    made = [MozlogRequestSummaryLogger(FastAPI()) for _ in range(2)]
    assert (list(logger.handlers), logger.level, logger.propagate) == before
    assert [m.logger for m in made] == [logger, logger]


@pytest.mark.parametrize(
    "middleware", [RequestIdMiddleware, MozlogRequestSummaryLogger]
)
def test_an_unknown_argument_is_refused(middleware: Any) -> None:
    with pytest.raises(TypeError):
        middleware(FastAPI(), loger=None)


async def test_an_outer_dockerflow_middleware_logs_the_only_summary(
    summaries: Summaries,
) -> None:
    app = site(MozlogRequestSummaryLogger, RequestIdMiddleware)
    async with client_of(DockerflowMiddleware(app, sample=1.0)) as client:
        answer = await client.get("/")
    assert [record.rid for record in summaries()] == [answer.json()]


@pytest.mark.parametrize("order", ORDERS)
async def test_other_asgi_applications_have_the_settings_of_the_environment(
    order: tuple[Any, ...], summaries: Summaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKERFLOW_SUMMARY_LOG_QUERYSTRING", "true")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    inner, outer = order
    async with client_of(outer(inner(app))) as client:
        assert (await client.get("/?a=1")).status_code == 204
    assert [(r.code, r.querystring) for r in summaries()] == [(204, "a=1")]


@pytest.mark.parametrize("logs_query", [True, False])
async def test_middlewares_read_the_settings_that_a_lifespan_sets(
    summaries: Summaries, logs_query: bool
) -> None:
    app = site(MozlogRequestSummaryLogger, RequestIdMiddleware)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        app.state.DOCKERFLOW_SUMMARY_LOG_QUERYSTRING = logs_query
        yield

    app.router.lifespan_context = lifespan
    async with started(app) as client:
        await client.get("/?a=1")
    assert [hasattr(record, "querystring") for record in summaries()] == [logs_query]


async def test_a_websocket_may_be_the_first_to_read_the_settings(
    summaries: Summaries,
) -> None:
    app = site(MozlogRequestSummaryLogger, DOCKERFLOW_SUMMARY_LOG_WEBSOCKETS=True)

    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    scope = {
        "type": "websocket",
        "path": "/socket",
        "headers": [],
        "query_string": b"",
    }
    client = ApplicationCommunicator(app, scope)
    await client.send_input({"type": "websocket.connect"})
    await client.wait(ANSWERS_WITHIN)
    assert [(record.path, record.code) for record in summaries()] == [("/socket", 101)]


async def test_an_invalid_setting_stops_the_start() -> None:
    app = site(RequestIdMiddleware, DOCKERFLOW_SAMPLE="many")
    server = ApplicationCommunicator(app, {"type": "lifespan"})
    await server.send_input({"type": "lifespan.startup"})
    message = await server.receive_output(ANSWERS_WITHIN)
    assert message == {
        "type": "lifespan.startup.failed",
        "message": "DOCKERFLOW_SAMPLE is 'many';"
        " it must be a number above 0 and up to 1.",
    }
    with pytest.raises(SettingsError):
        await server.wait(ANSWERS_WITHIN)


@pytest.mark.parametrize("kind", ["websocket", "lifespan", "something.else"])
async def test_other_scopes_pass_unchanged(kind: str, summaries: Summaries) -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["type"], await receive()))
        await send({"type": "from the application"})

    async def receive() -> Any:
        return {"type": "from the server"}

    async def send(message: Any) -> None:
        seen.append(message)

    scope = {"type": kind, "path": "/", "headers": []}
    await RequestIdMiddleware(MozlogRequestSummaryLogger(app))(scope, receive, send)
    assert seen == [
        (kind, {"type": "from the server"}),
        {"type": "from the application"},
    ]
    assert summaries() == []


async def test_concurrent_requests_have_different_ids() -> None:
    app = site(MozlogRequestSummaryLogger, RequestIdMiddleware)
    ids = [f"rid-{number}" for number in range(20)]
    async with client_of(app) as client:
        asked = (client.get("/sync", headers={"X-Request-ID": rid}) for rid in ids)
        answers = await asyncio.gather(*asked)
    assert [answer.json() for answer in answers] == ids


SCRIPT = """
import asyncio, contextlib, logging
from tests.fastapi.talk import client_of, started
from tests.fastapi.test_middleware import MozlogRequestSummaryLogger, site

logger = logging.getLogger("request.summary")

@contextlib.asynccontextmanager
async def lifespan(app):
    {setup}
    yield

async def request_pages(make_client):
    for _ in range(2):
        app = site(MozlogRequestSummaryLogger)
        app.router.lifespan_context = lifespan
        async with make_client(app) as client:
            for path in ("/missing", "/unavailable"):
                await client.get(path)

if "{make_client}" == "client_of":
    {setup}
asyncio.run(request_pages({make_client}))
assert (len(logger.handlers), logger.level) == ({handlers}, logging.{level})
"""


@pytest.mark.parametrize("make_client", ["client_of", "started"])
@pytest.mark.parametrize(
    ("setup", "handlers", "level", "codes"),
    [
        ("pass", 1, "INFO", [404, 503] * 2),
        ("logger.setLevel(logging.ERROR)", 1, "ERROR", [503] * 2),
        (
            "logging.root.handlers[:] = [logging.NullHandler()]",
            1,
            "INFO",
            [404, 503] * 2,
        ),
        ("logger.handlers[:] = [logging.NullHandler()]", 1, "INFO", []),
    ],
)
def test_the_default_logger_is_set_up_at_the_first_request(
    setup: str, handlers: int, level: str, codes: list[int], make_client: str
) -> None:
    code = SCRIPT.format(
        setup=setup, handlers=handlers, level=level, make_client=make_client
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["Fields"]["code"] for record in records] == codes
    assert {record["Type"] for record in records} <= {"request.summary"}


def test_the_middlewares_need_no_fastapi() -> None:
    code = (
        "import sys; sys.modules['fastapi'] = None\n"
        "from dockerflow_mw.fastapi.middleware import RequestIdMiddleware\n"
        "from starlette.applications import Starlette\n"
        "Starlette().add_middleware(RequestIdMiddleware)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


async def test_starlette_applications_log_summaries(summaries: Summaries) -> None:
    app = Starlette()
    app.add_middleware(RequestIdMiddleware)
    app.add_middleware(MozlogRequestSummaryLogger)
    async with started(app) as client:
        await client.get("/")
    assert [record.code for record in summaries()] == [404]
