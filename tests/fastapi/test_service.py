"""The settings of an application and the service behind it."""

from __future__ import annotations

import contextlib
import gc
import logging
import weakref
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import fastapi
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette

from dockerflow_mw import checks
from dockerflow_mw.fastapi import router
from dockerflow_mw.fastapi.middleware import MozlogRequestSummaryLogger
from tests.fastapi.applications import PATHS, complete, router_alone
from tests.fastapi.talk import client_of, started

# Older releases of FastAPI ignore the lifespan of a router.
RUNS_LIFESPAN_OF_ROUTER = hasattr(fastapi.routing, "_merge_lifespan_context")

INVALID = {"DOCKERFLOW_SAMPLE": "many"}
SENTENCE = "DOCKERFLOW_SAMPLE is 'many'; it must be a number above 0 and up to 1."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "version.json").write_text('{"version": "1.2.3", "image_tag": null}')
    return tmp_path


def critical(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the texts of the CRITICAL records."""
    return [r.getMessage() for r in caplog.records if r.levelno == logging.CRITICAL]


@pytest.mark.parametrize("kind", [str, Path])
async def test_the_version_is_read_from_app_dir(
    folder: Path, kind: Callable[..., Any]
) -> None:
    async with client_of(complete(APP_DIR=kind(folder))) as client:
        response = await client.get("/__version__")
    assert response.json() == {"version": "1.2.3", "image_tag": None}


async def test_app_dir_may_be_an_environment_variable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_DIR", str(folder))
    async with client_of(complete()) as client:
        assert (await client.get("/__version__")).json()["version"] == "1.2.3"


def _version(folder: Path) -> dict[str, str]:
    return {"folder": repr(folder)}


async def _async_version(folder: Path) -> dict[str, str]:
    return {"folder": repr(folder)}


@pytest.mark.parametrize("callback", [_version, _async_version])
@pytest.mark.parametrize(
    ("state", "environment", "folder"),
    [
        ({"APP_DIR": Path("/srv")}, {}, Path("/srv")),
        ({"APP_DIR": "/srv"}, {"APP_DIR": "/else"}, Path("/srv")),
        ({}, {"APP_DIR": "/srv"}, Path("/srv")),
        ({"APP_DIR": "/srv"}, {"DOCKERFLOW_VERSION_PATH": "/else"}, Path("/srv")),
        ({"DOCKERFLOW_VERSION_PATH": "/srv/version.json"}, {}, Path("/srv")),
        ({}, {}, Path()),
    ],
)
async def test_a_version_callback_is_called_with_the_folder_of_the_version(
    state: dict[str, object],
    environment: dict[str, str],
    folder: Path,
    callback: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    app = complete(**state, DOCKERFLOW_VERSION_CALLBACK=callback)
    async with client_of(app) as client:
        assert (await client.get("/__version__")).json() == {"folder": repr(folder)}


async def test_each_application_has_its_own_settings(tmp_path: Path) -> None:
    checks.register(lambda: False, name="broken")
    outer = complete(APP_DIR=tmp_path, DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE=503)
    inner = complete(DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE=502)
    outer.mount("/inner", inner)
    outer.include_router(router, prefix="/v2", tags=["again"])
    paths = ("/__heartbeat__", "/v2/__heartbeat__", "/inner/__heartbeat__")
    async with client_of(outer) as client:
        codes = [(await client.get(path)).status_code for path in paths]
    assert codes == [503, 503, 502]


async def test_checks_of_the_settings_belong_to_one_application() -> None:
    def mine() -> None: ...

    one, other = complete(DOCKERFLOW_CHECKS=[mine]), complete()
    reports = []
    for app in (one, other):
        async with client_of(app) as client:
            reports.append((await client.get("/__heartbeat__")).json()["checks"])
    assert reports == [{"mine": "ok"}, {}]


async def test_settings_are_read_once() -> None:
    checks.register(lambda: False, name="broken")
    app = complete(DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE=503)
    async with client_of(app) as client:
        before = await client.get("/__heartbeat__")
        app.state.DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE = 502
        after = await client.get("/__heartbeat__")
    assert (before.status_code, after.status_code) == (503, 503)


@pytest.mark.parametrize("make", [complete, router_alone])
async def test_without_a_lifespan_invalid_settings_leave_the_defaults(
    make: Callable[..., FastAPI],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(folder)
    async with client_of(make(**INVALID)) as client:
        codes = [(await client.get(p)).status_code for p in (*PATHS, "/nowhere")]
    assert codes == [200, 200, 200, 404]
    assert critical(caplog) == [SENTENCE]


async def test_an_invalid_environment_leaves_the_defaults(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DOCKERFLOW_SAMPLE", "many")
    app = Starlette()
    app.add_middleware(MozlogRequestSummaryLogger)
    for served in (app, MozlogRequestSummaryLogger(app.router)):
        async with client_of(served) as client:
            assert (await client.get("/")).status_code == 404
    assert critical(caplog) == [SENTENCE] * 2


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (INVALID, SENTENCE),
        ({"DOCKERFLOW_CHECKS": [lambda: None]}, "A lambda has no name of its own"),
    ],
)
@pytest.mark.parametrize("make", [complete, router_alone])
async def test_invalid_settings_stop_the_start(
    make: Callable[..., FastAPI], state: dict[str, Any], sentence: str
) -> None:
    if make is router_alone and not RUNS_LIFESPAN_OF_ROUTER:
        pytest.skip("This release of FastAPI ignores the lifespan of a router.")
    with pytest.raises(AssertionError, match=r"startup\.failed") as failure:
        async with started(make(**state)):
            pass
    assert sentence in failure.value.args[0]["message"]


async def test_a_lifespan_may_set_the_settings(folder: Path) -> None:
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


@pytest.mark.parametrize("make", [complete, router_alone])
async def test_the_start_up_record_names_endpoints_checks_and_settings(
    make: Callable[..., FastAPI], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    checks.register(lambda: None, name="database")
    async with started(make(DOCKERFLOW_SAMPLE=0.5)) as client:
        await client.get("/__heartbeat__")
    found = [r for r in caplog.records if r.name == "dockerflow.middleware"]
    (record,) = (vars(r) for r in found)
    assert record["endpoints"] == [*PATHS, "/__error__"]
    assert record["checks"] == ["database"]
    assert "sample=0.5" in record["settings"]


async def test_a_removed_application_is_garbage_collected() -> None:
    app = complete()
    async with client_of(app) as client:
        await client.get("/__heartbeat__")
    removed = weakref.ref(app)
    del app, client
    gc.collect()
    assert removed() is None
