"""The router: paths, methods, dependencies and the OpenAPI document."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from fastapi import Depends, FastAPI, HTTPException
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

import dockerflow_mw.fastapi
from dockerflow_mw import DockerflowMiddleware, checks
from dockerflow_mw.fastapi import router
from dockerflow_mw.logging import request_id_context
from tests.fastapi.applications import PATHS, complete
from tests.fastapi.talk import client_of


def test_the_package_has_the_names_of_python_dockerflow() -> None:
    names = ("error", "heartbeat", "lbheartbeat", "version")
    assert [getattr(dockerflow_mw.fastapi, name).__name__ for name in names] == [*names]
    assert dockerflow_mw.fastapi.router.tags == ["Dockerflow"]
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = dockerflow_mw.fastapi.nothing


@pytest.mark.parametrize("path", PATHS)
async def test_endpoints_below_a_prefix_answer_get_and_head_alone(
    path: str, tmp_path: Path
) -> None:
    (tmp_path / "version.json").write_text("{}")
    app = FastAPI()
    app.state.APP_DIR = tmp_path
    app.include_router(router, prefix="/v2")
    async with client_of(app) as client:
        assert (await client.get(path)).status_code == 404
        asked = f"/v2{path}"
        got, headed = await client.get(asked), await client.head(asked)
        assert (got.status_code, headed.status_code) == (200, 200)
        assert got.headers == headed.headers
        refused = await client.post(asked)
        assert refused.status_code == 405
        assert sorted(refused.headers["allow"].split(", ")) == ["GET", "HEAD"]


def test_endpoints_are_routes_with_the_names_of_their_views() -> None:
    app = FastAPI()
    app.include_router(router, prefix="/v2")
    names = ("version", "heartbeat", "lbheartbeat", "error")
    urls = [app.url_path_for(name) for name in names]
    assert urls == [f"/v2{path}" for path in (*PATHS, "/__error__")]


async def test_dependencies_of_the_router_guard_each_endpoint() -> None:
    def refuse() -> None:
        raise HTTPException(401)

    app = FastAPI()
    app.include_router(router, dependencies=[Depends(refuse)])
    async with client_of(app) as client:
        for path in (*PATHS, "/__error__"):
            for method in ("GET", "HEAD"):
                response = await client.request(method, path)
                assert (path, response.status_code) == (path, 401)


async def test_the_outermost_middleware_answers_before_host_checks_and_redirects() -> (
    None
):
    checks.register(lambda: None, name="fine")
    app = FastAPI()
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["example.org"])
    app.add_middleware(HTTPSRedirectMiddleware)
    async with client_of(DockerflowMiddleware(app)) as client:
        page, probe = await client.get("/"), await client.get("/__heartbeat__")
    assert page.status_code == 307
    assert (probe.status_code, probe.json()["checks"]) == (200, {"fine": "ok"})


async def test_a_disabled_error_endpoint_is_404() -> None:
    async with client_of(complete(DOCKERFLOW_ERROR_ENDPOINT=False)) as client:
        assert (await client.get("/__error__")).status_code == 404


async def test_exception_handlers_receive_the_test_exception() -> None:
    received: list[Exception] = []
    app = complete()

    @app.exception_handler(Exception)
    async def handler(request: Any, error: Exception) -> Any:
        received.append(error)
        raise error

    async with client_of(app) as client:
        await client.get("/__error__")
    (error,) = received
    assert str(error) == "This is a test exception from the /__error__ endpoint."


async def test_sync_and_async_checks_have_the_request_id() -> None:
    ids: dict[str, str | None] = {}
    threads = set()

    def sync() -> None:
        ids["sync"] = request_id_context.get()
        threads.add(threading.current_thread())

    async def coroutine() -> None:
        ids["async"] = request_id_context.get()
        threads.add(threading.current_thread())

    checks.register(sync)
    checks.register(coroutine)
    async with client_of(complete()) as client:
        await client.get("/__heartbeat__", headers={"X-Request-ID": "probe-1"})
    assert ids == {"sync": "probe-1", "async": "probe-1"}
    assert len(threads) == 2


@pytest.mark.filterwarnings("ignore:Duplicate Operation ID")
async def test_openapi_documents_each_endpoint() -> None:
    app = complete()
    app.include_router(router, prefix="/v2", tags=["dockerflow"])
    async with client_of(app) as client:
        response = await client.get("/openapi.json")
    paths = response.json()["paths"]
    own = [*PATHS, "/__error__"]
    assert sorted(paths) == sorted([*own, *(f"/v2{path}" for path in own)])
    assert {frozenset(operations) for operations in paths.values()} == {
        frozenset(("get", "head"))
    }
    assert {p: list(paths[p]["get"]["responses"]) for p in own} == {
        "/__version__": ["200", "404", "500"],
        "/__heartbeat__": ["200", "500"],
        "/__lbheartbeat__": ["200"],
        "/__error__": ["500", "401", "404"],
    }
    assert "tags" not in paths["/__version__"]["get"]
    assert paths["/v2/__version__"]["get"]["tags"] == ["dockerflow"]
