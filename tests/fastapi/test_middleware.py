"""The middlewares: alone, in either order, and over applications of other kinds."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import StreamingResponse
from starlette.applications import Starlette

from dockerflow_mw import DockerflowMiddleware, summary
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
    """Make an application with pages of all sorts; the last middleware is outermost."""
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

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def chunks() -> Any:
            yield b"one"
            await asyncio.sleep(0.2)
            yield b"two"

        return StreamingResponse(chunks())

    return app


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("sent", [{"X-Request-ID": "abc-123"}, {}])
async def test_in_either_order_the_id_is_the_same_everywhere(
    order: tuple[Any, ...], sent: dict[str, str], summaries: Summaries
) -> None:
    async with client_of(site(*order)) as client:
        seen = [(await client.get(p, headers=sent)).json() for p in ("/", "/sync")]
    assert [record.rid for record in summaries()] == seen
    assert all(len(rid) == 32 or rid == "abc-123" for rid in seen)
    assert request_id_context.get() is None


@pytest.mark.parametrize("order", ORDERS)
async def test_the_request_id_is_echoed_once(
    order: tuple[Any, ...], summaries: Summaries
) -> None:
    async with client_of(site(*order, DOCKERFLOW_ECHO_REQUEST_ID=True)) as client:
        answer = await client.get("/")
    assert answer.headers.get_list("x-request-id") == [summaries()[0].rid]


async def test_the_request_id_alone_leaves_no_summary(summaries: Summaries) -> None:
    async with client_of(site(RequestIdMiddleware)) as client:
        answer = await client.get("/", headers={"X-Request-ID": "abc"})
    assert (answer.json(), summaries()) == ("abc", [])


async def test_the_summary_alone_has_an_id(summaries: Summaries) -> None:
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
async def test_g_h_the_level_and_errno_are_those_of_the_status(
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


async def test_around_the_application_the_status_is_what_a_handler_made_of_it(
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


async def test_a_stream_is_timed_to_its_last_byte(summaries: Summaries) -> None:
    async with client_of(site(MozlogRequestSummaryLogger)) as client:
        assert (await client.get("/stream")).content == b"onetwo"
    (record,) = summaries()
    assert record.t >= 150


async def test_need_77_a_view_adds_fields(summaries: Summaries) -> None:
    app = site(MozlogRequestSummaryLogger, RequestIdMiddleware)

    @app.get("/user")
    async def user() -> None:
        summary.add_fields(uid="u1", route="/user")

    async with client_of(app) as client:
        await client.get("/user")
    (record,) = summaries()
    assert (record.uid, record.route) == ("u1", "/user")


async def test_a_logger_of_one_s_own_has_the_summaries(
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


def test_making_one_changes_nothing_outside_of_it() -> None:
    logger = logging.getLogger("request.summary")
    before = (list(logger.handlers), logger.level, logger.propagate)
    made = [MozlogRequestSummaryLogger(FastAPI()) for _ in range(2)]
    assert (list(logger.handlers), logger.level, logger.propagate) == before
    assert [m.logger for m in made] == [logger, logger]


@pytest.mark.parametrize(
    "middleware", [RequestIdMiddleware, MozlogRequestSummaryLogger]
)
def test_a_misspelt_argument_is_refused(middleware: Any) -> None:
    with pytest.raises(TypeError):
        middleware(FastAPI(), loger=None)


async def test_an_outer_middleware_of_ours_sees_to_the_record(
    summaries: Summaries,
) -> None:
    app = site(MozlogRequestSummaryLogger, RequestIdMiddleware)
    async with client_of(DockerflowMiddleware(app, sample=1.0)) as client:
        answer = await client.get("/")
    assert [record.rid for record in summaries()] == [answer.json()]


@pytest.mark.parametrize("order", ORDERS)
async def test_an_application_that_is_none_of_starlette_s(
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


async def test_settings_that_are_made_in_the_lifespan_count(
    summaries: Summaries,
) -> None:
    app = site(MozlogRequestSummaryLogger, RequestIdMiddleware)
    for asked in (True, False):
        app.router.lifespan_context = _lifespan(asked)
        async with started(app) as client:
            await client.get("/?a=1")
    assert [hasattr(r, "querystring") for r in summaries()] == [True, False]


def _lifespan(querystring: bool) -> Any:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> Any:
        app.state.DOCKERFLOW_SUMMARY_LOG_QUERYSTRING = querystring
        yield

    return lifespan


async def test_a_setting_that_cannot_be_used_stops_the_start() -> None:
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
async def test_need_53_other_scopes_pass(kind: str, summaries: Summaries) -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["type"], await receive()))
        await send({"type": "an answer"})

    async def receive() -> Any:
        return {"type": "a question"}

    async def send(message: Any) -> None:
        seen.append(message)

    scope = {"type": kind, "path": "/", "headers": []}
    await RequestIdMiddleware(MozlogRequestSummaryLogger(app))(scope, receive, send)
    assert seen == [(kind, {"type": "a question"}), {"type": "an answer"}]
    assert summaries() == []


async def test_requests_at_one_time_have_ids_of_their_own() -> None:
    app = site(MozlogRequestSummaryLogger, RequestIdMiddleware)
    ids = [f"rid-{number}" for number in range(20)]
    async with client_of(app) as client:
        asked = (client.get("/sync", headers={"X-Request-ID": rid}) for rid in ids)
        answers = await asyncio.gather(*asked)
    assert [answer.json() for answer in answers] == ids


UNCONFIGURED = """
import asyncio, logging, sys
from tests.fastapi.talk import client_of, started
from tests.fastapi.test_middleware import MozlogRequestSummaryLogger, site
logger = logging.getLogger("request.summary")
apps = [site(MozlogRequestSummaryLogger) for _ in range(2)]
for app in apps:
    app.middleware_stack = app.build_middleware_stack()
assert (logger.handlers, logger.level) == ([], logging.NOTSET)
{setting}
handlers, level = [*logger.handlers], logger.level
async def ask(start):
    for app in apps:
        async with start(app) as client:
            for path in ("/missing", "/unavailable"):
                await client.get(path)
asyncio.run(ask({start}))
if {alone}:
    assert (logger.handlers, logger.level) == (handlers, level)
"""


@pytest.mark.parametrize("start", ["client_of", "started"])
@pytest.mark.parametrize(
    ("setting", "alone", "codes"),
    [
        ("", False, [404, 503] * 2),
        ("logger.setLevel(logging.ERROR)", False, [503] * 2),
        ("logging.getLogger().addHandler(logging.NullHandler())", True, []),
        ("logger.addHandler(logging.NullHandler())", True, []),
    ],
)
def test_where_no_handler_is_at_the_start_the_summaries_are_on_stdout(
    setting: str, alone: bool, codes: list[int], start: str
) -> None:
    code = UNCONFIGURED.format(setting=setting, alone=alone, start=start)
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["Fields"]["code"] for record in records] == codes
    assert {record["Type"] for record in records} <= {"request.summary"}


def test_starlette_alone_has_the_middlewares() -> None:
    code = (
        "import sys; sys.modules['fastapi'] = None\n"
        "from dockerflow_mw.fastapi.middleware import RequestIdMiddleware\n"
        "from starlette.applications import Starlette\n"
        "Starlette().add_middleware(RequestIdMiddleware)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


async def test_starlette_has_them(summaries: Summaries) -> None:
    app = Starlette()
    app.add_middleware(RequestIdMiddleware)
    app.add_middleware(MozlogRequestSummaryLogger)
    async with started(app) as client:
        await client.get("/")
    assert [record.code for record in summaries()] == [404]
