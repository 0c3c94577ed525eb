"""The router: where the endpoints are, what guards them, and what OpenAPI says."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import threading
import warnings
import weakref
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import fastapi
import pytest
import redis.asyncio
from fastapi import Depends, FastAPI, HTTPException
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from starlette.applications import Starlette
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

import dockerflow_mw.fastapi
from dockerflow_mw import DockerflowMiddleware, checks
from dockerflow_mw.fastapi import router
from dockerflow_mw.fastapi.middleware import (
    MozlogRequestSummaryLogger,
    RequestIdMiddleware,
)
from dockerflow_mw.logging import request_id_context
from dockerflow_mw.signals import heartbeat_failed, heartbeat_passed
from tests.fastapi.talk import client_of, started
from tests.servers import free_port

Summaries = Callable[[], list[Any]]

# Older releases run nothing of a router at the start.
MERGES = hasattr(fastapi.routing, "_merge_lifespan_context")

PATHS = ("/__version__", "/__heartbeat__", "/__lbheartbeat__")


def site(**state: Any) -> FastAPI:
    app = FastAPI()
    app.include_router(router)
    app.add_middleware(RequestIdMiddleware)
    app.add_middleware(MozlogRequestSummaryLogger)
    for name, value in state.items():
        setattr(app.state, name, value)
    return app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "version.json").write_text('{"version": "1.2.3", "image_tag": null}')
    return tmp_path


@pytest.mark.parametrize("kind", [str, Path])
async def test_the_version_is_in_app_dir(
    folder: Path, kind: Callable[..., Any]
) -> None:
    async with client_of(site(APP_DIR=kind(folder))) as client:
        answer = await client.get("/__version__")
    assert answer.json() == {"version": "1.2.3", "image_tag": None}


async def test_app_dir_may_be_a_variable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_DIR", str(folder))
    async with client_of(site()) as client:
        assert (await client.get("/__version__")).json()["version"] == "1.2.3"


async def test_need_71_a_missing_version_is_404(tmp_path: Path) -> None:
    async with client_of(site(APP_DIR=tmp_path)) as client:
        assert (await client.get("/__version__")).status_code == 404


def _version(root: object) -> dict[str, str]:
    return {"given": repr(root)}


async def _async_version(root: object) -> dict[str, str]:
    return {"given": repr(root)}


@pytest.mark.parametrize("callback", [_version, _async_version])
@pytest.mark.parametrize(
    ("state", "environment", "given"),
    [
        ({"APP_DIR": Path("/srv")}, {}, Path("/srv")),
        ({"APP_DIR": "/no/folder"}, {"APP_DIR": "/else"}, "/no/folder"),
        ({}, {"APP_DIR": "/no/folder"}, "/no/folder"),
        ({"APP_DIR": "/srv"}, {"DOCKERFLOW_VERSION_PATH": "/else"}, "/srv"),
        ({"DOCKERFLOW_VERSION_PATH": "/srv/version.json"}, {}, Path("/srv")),
        ({}, {}, Path()),
    ],
)
async def test_the_version_may_come_from_a_callback(
    state: dict[str, object],
    environment: dict[str, str],
    given: object,
    callback: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    app = site(**state, DOCKERFLOW_VERSION_CALLBACK=callback)
    async with client_of(app) as client:
        assert (await client.get("/__version__")).json() == {"given": repr(given)}


async def test_apps_have_settings_and_versions_of_their_own(tmp_path: Path) -> None:
    checks.register(lambda: False, name="broken")
    outer = site(APP_DIR=tmp_path, DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE=503)
    inner = site(DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE=502)
    outer.mount("/inner", inner)
    outer.include_router(router, prefix="/v2", tags=["again"])
    paths = ("/__heartbeat__", "/v2/__heartbeat__", "/inner/__heartbeat__")
    async with client_of(outer) as client:
        codes = [(await client.get(path)).status_code for path in paths]
    assert codes == [503, 503, 502]


async def test_settings_that_change_count_from_then_on(folder: Path) -> None:
    app = site()
    async with client_of(app) as client:
        app.state.DOCKERFLOW_VERSION_PATH = folder / "nothing.json"
        assert (await client.get("/__version__")).status_code == 404
        app.state.DOCKERFLOW_VERSION_PATH = folder / "version.json"
        assert (await client.get("/__version__")).status_code == 200


BAD = {"DOCKERFLOW_SAMPLE": "many"}
SENTENCE = "DOCKERFLOW_SAMPLE is 'many'; it must be a number above 0 and up to 1."


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, str]]:
    """Give what was told of settings."""
    told = [r for r in caplog.records if r.name == "dockerflow.fastapi"]
    return [(r.name, r.levelname, r.getMessage()) for r in told]


def routed(**state: Any) -> FastAPI:
    app = FastAPI()
    app.include_router(router)
    for name, value in state.items():
        setattr(app.state, name, value)
    return app


@pytest.mark.parametrize("make", [site, routed])
async def test_bad_settings_stop_no_service_that_could_not_be_stopped(
    make: Callable[..., FastAPI],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(folder)
    async with client_of(make(**BAD)) as client:
        codes = [(await client.get(p)).status_code for p in (*PATHS, "/nowhere")]
    assert codes == [200, 200, 200, 404]
    assert told(caplog) == [("dockerflow.fastapi", "CRITICAL", SENTENCE)]


async def test_bad_settings_of_the_environment_leave_the_defaults(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DOCKERFLOW_SAMPLE", "many")
    app = Starlette()
    app.add_middleware(MozlogRequestSummaryLogger)
    for asked in (app, MozlogRequestSummaryLogger(app.router)):
        async with client_of(asked) as client:
            assert (await client.get("/")).status_code == 404
    assert told(caplog) == [("dockerflow.fastapi", "CRITICAL", SENTENCE)] * 2


@pytest.mark.parametrize("make", [site, routed])
async def test_settings_that_are_spoilt_leave_those_before_them(
    make: Callable[..., FastAPI], caplog: pytest.LogCaptureFixture
) -> None:
    checks.register(lambda: False, name="broken")
    app = make(DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE=503)
    codes = []
    async with client_of(app) as client:
        for sample in (0.5, "many", "many", 0.5):
            app.state.DOCKERFLOW_SAMPLE = sample
            codes.append((await client.get("/__heartbeat__")).status_code)
    assert codes == [503] * 4
    assert told(caplog) == [("dockerflow.fastapi", "CRITICAL", SENTENCE)]


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (BAD, SENTENCE),
        ({"DOCKERFLOW_CHECKS": [lambda: None]}, "A lambda has no name of its own"),
    ],
)
@pytest.mark.parametrize("make", [site, routed])
async def test_bad_settings_stop_a_start(
    make: Callable[..., FastAPI], state: dict[str, Any], sentence: str
) -> None:
    if make is routed and not MERGES:
        pytest.skip("This FastAPI leaves the lifespan of a router out.")
    with pytest.raises(AssertionError, match=r"startup\.failed") as failure:
        async with started(make(**state)):
            pass
    assert sentence in failure.value.args[0]["message"]


async def test_settings_of_the_lifespan_are_those_of_the_start(folder: Path) -> None:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, int]]:
        app.state.DOCKERFLOW_SAMPLE = 0.5
        app.state.APP_DIR = folder
        yield {"made": 1}

    app = FastAPI(lifespan=lifespan)
    app.state.DOCKERFLOW_SAMPLE = "many"
    app.include_router(router)
    app.include_router(router, prefix="/v2")
    async with started(app) as client:
        assert (await client.get("/v2/__version__")).status_code == 200


def test_the_package_has_the_views_as_python_dockerflow_has() -> None:
    names = ("error", "heartbeat", "lbheartbeat", "version")
    assert [getattr(dockerflow_mw.fastapi, name).__name__ for name in names] == [*names]
    assert dockerflow_mw.fastapi.router.tags == ["Dockerflow"]
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = dockerflow_mw.fastapi.nothing


async def test_an_app_that_is_gone_is_not_kept() -> None:
    app = site()
    async with client_of(app) as client:
        await client.get("/__heartbeat__")
    gone = weakref.ref(app)
    del app, client
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("prefix", ["", "/v2"])
@pytest.mark.parametrize("path", PATHS)
async def test_need_49_get_and_head_and_nothing_else(
    prefix: str, path: str, folder: Path
) -> None:
    app = FastAPI()
    app.state.APP_DIR = folder
    app.include_router(router, prefix=prefix)
    async with client_of(app) as client:
        for asked in (f"{prefix}{path}", f"{prefix}{path}/"):
            got, headed = await client.get(asked), await client.head(asked)
            assert (got.status_code, headed.status_code) == (200, 200)
            assert got.headers == headed.headers
            for method in ("POST", "OPTIONS", "BREW"):
                refused = await client.request(method, asked)
                assert refused.status_code == 405
                assert refused.headers["allow"] == "GET, HEAD"


async def test_need_50_the_load_balancer_gets_an_empty_200() -> None:
    async with client_of(site()) as client:
        answer = await client.get("/__lbheartbeat__")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "0"


async def test_need_52_the_endpoints_are_under_a_mount_point() -> None:
    app = FastAPI()
    app.mount("/api", site())
    async with client_of(app) as client:
        codes = [
            (await client.get(path)).status_code
            for path in ("/api/__lbheartbeat__", "/api/__lbheartbeat__/")
        ]
        assert codes == [200, 200]
        assert (await client.get("/__lbheartbeat__")).status_code == 404


async def test_need_55_dependencies_guard_what_answers() -> None:
    def refuse() -> None:
        raise HTTPException(401)

    app = FastAPI()
    app.include_router(router, dependencies=[Depends(refuse)])
    async with client_of(app) as client:
        for path in (*PATHS, "/__error__"):
            for method in ("GET", "HEAD"):
                for asked in (path, f"{path}/"):
                    answer = await client.request(method, asked)
                    assert (asked, answer.status_code) == (asked, 401)


async def test_need_47_48_nothing_is_before_the_outermost_middleware() -> None:
    checks.register(lambda: None, name="fine")
    app = FastAPI()
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["example.org"])
    app.add_middleware(HTTPSRedirectMiddleware)
    async with client_of(DockerflowMiddleware(app)) as client:
        page, probe = await client.get("/"), await client.get("/__heartbeat__")
    assert page.status_code == 307
    assert (probe.status_code, probe.json()["checks"]) == (200, {"fine": "ok"})


@pytest.mark.parametrize(
    ("settings", "headers", "status"),
    [
        ({}, {}, 500),
        ({"DOCKERFLOW_ERROR_ENDPOINT": False}, {}, 404),
        ({"DOCKERFLOW_ERROR_TOKEN": "a-token-of-some-length"}, {}, 401),
        (
            {"DOCKERFLOW_ERROR_TOKEN": "a-token-of-some-length"},
            {"Authorization": "Bearer a-token-of-some-length"},
            500,
        ),
    ],
)
async def test_the_error_endpoint_can_be_guarded_and_turned_off(
    settings: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    async with client_of(site(**settings)) as client:
        answer = await client.get("/__error__", headers=headers)
    assert answer.status_code == status


async def test_the_error_endpoint_raises_where_handlers_see_it() -> None:
    seen: list[Exception] = []
    app = site()

    @app.exception_handler(Exception)
    async def handler(request: Any, error: Exception) -> Any:
        seen.append(error)
        raise error

    async with client_of(app) as client:
        await client.get("/__error__")
    (error,) = seen
    assert str(error) == "This is a test exception from the /__error__ endpoint."


async def test_the_log_can_do_without_probes(summaries: Summaries) -> None:
    checks.register(lambda: False, name="broken")
    async with client_of(site(DOCKERFLOW_LOG_PROBES="failures")) as client:
        for path in ("/__lbheartbeat__", "/__heartbeat__/", "/nowhere"):
            await client.get(path)
    assert [record.code for record in summaries()] == [500, 404]


async def test_groups_are_answered_by_the_middleware() -> None:
    checks.register(lambda: False, name="queue")
    checks.register(lambda: None, name="database")
    app = site(DOCKERFLOW_GROUPS={"/__ready__": "database"})
    async with client_of(app) as client:
        answer = await client.get("/__ready__")
    assert (answer.status_code, answer.json()["checks"]) == (200, {"database": "ok"})


async def test_checks_of_the_settings_are_of_one_app_alone() -> None:
    def mine() -> None: ...

    one, other = site(DOCKERFLOW_CHECKS=[mine]), site()
    reports = []
    for app in (one, other):
        async with client_of(app) as client:
            reports.append((await client.get("/__heartbeat__")).json()["checks"])
    assert reports == [{"mine": "ok"}, {}]


async def test_signals_come_from_the_application() -> None:
    app, seen = site(), []

    def receive(sender: object, level: int, **extra: Any) -> None:
        seen.append((sender, level))

    with heartbeat_passed.connected_to(receive, sender=app):
        async with client_of(app) as client:
            await client.get("/__heartbeat__")
            checks.register(lambda: False, name="broken")
            with heartbeat_failed.connected_to(receive):
                await client.get("/__heartbeat__")
    assert seen == [(app, 0), (app, checks.ERROR)]


async def test_f_the_id_is_there_in_checks_of_both_kinds() -> None:
    seen: dict[str, str | None] = {}
    threads = set()

    def sync() -> None:
        seen["sync"] = request_id_context.get()
        threads.add(threading.current_thread())

    async def coroutine() -> None:
        seen["async"] = request_id_context.get()
        threads.add(threading.current_thread())

    checks.register(sync)
    checks.register(coroutine)
    async with client_of(site()) as client:
        await client.get("/__heartbeat__", headers={"X-Request-ID": "probe-1"})
    assert seen == {"sync": "probe-1", "async": "probe-1"}
    assert len(threads) == 2


async def test_i1_redis_that_is_down_is_a_message_and_no_crash() -> None:
    once = Retry(NoBackoff(), 0)
    client = redis.asyncio.Redis(port=free_port(), password="hunter2", retry=once)
    checks.register(checks.redis_connected(client))
    checks.register(lambda: None, name="fine")
    async with client_of(site()) as asking:
        answer = await asking.get("/__heartbeat__")
    await client.aclose()
    assert answer.status_code == 500
    assert answer.json()["checks"] == {"redis_connected": "error", "fine": "ok"}
    messages = answer.json()["details"]["redis_connected"]["messages"]
    assert list(messages) == ["dockerflow.health.E004"]


async def test_need_54_the_start_tells_what_is_served(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    checks.register(lambda: None, name="database")
    async with started(site(DOCKERFLOW_SAMPLE=0.5)):
        pass
    (record,) = (r for r in caplog.records if r.name == "dockerflow.middleware")
    told: Any = record
    assert told.endpoints == [*PATHS, "/__error__"]
    assert (told.checks, "sample=0.5" in told.settings) == (["database"], True)


async def test_openapi_says_what_the_endpoints_answer() -> None:
    app = site()
    app.include_router(router, prefix="/v2", tags=["dockerflow"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with client_of(app) as client:
            answer = await client.get("/openapi.json")
    paths = answer.json()["paths"]
    own = [*PATHS, "/__error__"]
    assert list(paths) == [*own, *(f"/v2{path}" for path in own)]
    assert {tuple(operations) for operations in paths.values()} == {("get",)}
    assert {p: list(paths[p]["get"]["responses"]) for p in own} == {
        "/__version__": ["200", "404", "500"],
        "/__heartbeat__": ["200", "5XX"],
        "/__lbheartbeat__": ["200"],
        "/__error__": ["500", "401", "404"],
    }
    assert paths["/v2/__version__"]["get"]["tags"] == ["dockerflow"]
    operations = [o["get"]["operationId"] for o in paths.values()]
    assert len(set(operations)) == len(operations)


async def test_a_heartbeat_is_as_openapi_says() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    checks.register(lambda: [checks.Error("down", id="E1")], name="database")
    checks.register(lambda: None, name="fine")
    async with client_of(site()) as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
        answer = await client.get("/__heartbeat__")
    for status in ("200", "5XX"):
        told = paths["/__heartbeat__"]["get"]["responses"][status]
        schema = told["content"]["application/json"]["schema"]
        jsonschema.validate(json.loads(answer.content), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"status": "bad"}, schema)
