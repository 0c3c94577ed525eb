"""FastAPI's summaries on stdout and stderr, and its routes."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import warnings

import pytest

from tests.compat.rows.isolated import BOTH, OURS, ROOT, isolated

SCRIPT = """
import asyncio, logging, logging.config, sys
import httpx
from fastapi import FastAPI
from {package}.fastapi.middleware import MozlogRequestSummaryLogger
from {package}.logging import MozlogFormatter, MozlogHandler

async def main():
    app = FastAPI()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    {setup}
    app.add_middleware(MozlogRequestSummaryLogger)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        await client.get("/")
        await client.get("/", headers={{"X-Request-ID": "two"}})

asyncio.run(main())
"""

HANDLER = {
    "class": "logging.StreamHandler",
    "stream": "ext://sys.stdout",
    "formatter": "json",
}
FORMATTER = {"()": "dockerflow_mw.logging.MozlogFormatter", "logger_name": "svc"}
CONFIG = {
    "version": 1,
    "formatters": {"json": FORMATTER},
    "handlers": {"stdout": HANDLER},
    "loggers": {"request.summary": {"handlers": ["stdout"]}},
}


def printed(setup: str, package: str = OURS) -> tuple[list[str], list[str]]:
    """Return the lines on stdout and stderr of two requests after a set-up."""
    code = SCRIPT.format(setup=setup, package=package)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=ROOT, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr.splitlines()


@pytest.mark.parametrize("package", BOTH)
def test_c04_without_a_set_up_the_summaries_are_lines_on_stdout(package: str) -> None:
    stdout, _ = printed("", package)
    assert [json.loads(line)["Fields"]["code"] for line in stdout] == [404, 404]


@pytest.mark.parametrize(
    "setup",
    [
        pytest.param("logging.basicConfig()", id="basicConfig"),
        pytest.param("logging.basicConfig(stream=sys.stdout)", id="basicConfig stdout"),
        pytest.param(f"logging.config.dictConfig({CONFIG})", id="dictConfig"),
        pytest.param("logging.root.addHandler(MozlogHandler())", id="root"),
        pytest.param("app.state.DOCKERFLOW_CONFIGURE_LOGGING = True", id="setting"),
        pytest.param("logging.root.addHandler(logging.NullHandler())", id="null"),
    ],
)
def test_c04_each_summary_is_one_line_on_stdout(setup: str) -> None:
    stdout, stderr = printed(setup)
    lines = [json.loads(line) for line in stdout]
    assert [line["Type"] for line in lines] == ["request.summary"] * 2
    assert [line["Fields"]["code"] for line in lines] == [404, 404]
    assert stderr == []


def test_c04_other_records_are_printed_as_before() -> None:
    stdout, stderr = printed("logging.basicConfig(); logging.warning('a message')")
    assert len(stdout) == 2
    assert stderr == ["WARNING:root:a message"]


def test_c14_a_summary_has_an_id_without_the_middleware_of_the_id() -> None:
    stdout, _ = printed("")
    first, second = (json.loads(line)["Fields"] for line in stdout)
    assert len(first["rid"]) == 32
    assert second["rid"] == "two"
    assert {name: first[name] for name in ("errno", "lang", "uid")} == {
        "errno": 0,
        "lang": "",
        "uid": "",
    }


def operations(package: str) -> dict[str, list[list[str]]]:
    """Return each route's name, methods and first status in OpenAPI, by its path."""
    fastapi = importlib.import_module("fastapi")
    router = importlib.import_module(f"{package}.fastapi").router
    app = fastapi.FastAPI()
    app.include_router(router)
    warnings.simplefilter("ignore")
    documented = app.openapi()["paths"]
    return {
        route.path: [
            [route.name],
            sorted(route.methods),
            sorted(documented[route.path]),
            list(documented[route.path]["get"]["responses"])[:1],
        ]
        for route in router.routes
    }


@pytest.mark.parametrize("package", BOTH)
def test_c22_the_endpoints_are_four_routes(package: str) -> None:
    get, get_head = ["GET"], ["GET", "HEAD"]
    # python-dockerflow refuses HEAD there, and documents that /__error__ answers 200.
    late = get_head if package == OURS else get
    failed = "500" if package == OURS else "200"
    assert isolated(operations, package) == {
        f"/__{name}__": [[name], methods, [m.lower() for m in methods], [status]]
        for name, methods, status in (
            ("lbheartbeat", get_head, "200"),
            ("heartbeat", get_head, "200"),
            ("version", late, "200"),
            ("error", late, failed),
        )
    }
