"""Projects that use python-dockerflow, with only their imports changed."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import logging.config
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

import dockerflow_mw.checks
from dockerflow_mw import checks
from dockerflow_mw.fastapi import router
from dockerflow_mw.fastapi.middleware import (
    MozlogRequestSummaryLogger,
    RequestIdMiddleware,
)
from dockerflow_mw.logging import MozlogFormatter, request_id_context
from dockerflow_mw.version import get_version
from tests.fastapi.talk import client_of, started

JBI_VERSION = {
    "source": "https://github.com/mozilla/jira-bugzilla-integration",
    "version": None,
    "commit": None,
    "build": None,
    "image_tag": "latest",
}


class Service:
    """A client of Bugzilla or Jira, whose methods are checks."""

    def __init__(self) -> None:
        self.messages: list[dockerflow_mw.checks.CheckMessage] = []

    async def check_up(self) -> list[dockerflow_mw.checks.CheckMessage]:
        return self.messages

    def check_actions(
        self, actions: dict[str, str]
    ) -> list[dockerflow_mw.checks.CheckMessage]:
        known = {"create_issue"}
        return [
            checks.Error(f"unknown action {name}", id="jira.actions")
            for name in actions.keys() - known
        ]


class Logged:
    """The output of a logging configuration."""

    def __init__(self) -> None:
        self.json, self.text = io.StringIO(), io.StringIO()

    def lines(self, kind: str) -> list[dict[str, Any]]:
        every = [json.loads(line) for line in self.json.getvalue().splitlines()]
        return [line for line in every if line["Type"] == kind]


@pytest.fixture
def logged() -> Iterator[Logged]:
    """Restore the loggers that dictConfig changes."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    known = [lg for lg in root.manager.loggerDict.values() if hasattr(lg, "disabled")]
    disabled = [logger.disabled for logger in known]
    yield Logged()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("jbi", "request.summary"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).setLevel(logging.NOTSET)
    for logger, was_disabled in zip(known, disabled, strict=True):
        logger.disabled = was_disabled


def jbi_logging(logged: Logged) -> dict[str, Any]:
    handler = {"class": "logging.StreamHandler", "filters": ["request_id"]}
    return {
        "version": 1,
        "filters": {"request_id": {"()": "dockerflow_mw.logging.RequestIdLogFilter"}},
        "formatters": {
            "mozlog_json": {
                "()": "dockerflow_mw.logging.MozlogFormatter",
                "logger_name": "jbi",
            },
            "text": {"format": "%(name)s [%(rid)s] %(message)s"},
        },
        "handlers": {
            "console": {**handler, "formatter": "mozlog_json", "stream": logged.json},
            "text": {**handler, "formatter": "text", "stream": logged.text},
        },
        "loggers": {
            "": {"handlers": ["console"]},
            "request.summary": {"level": logging.INFO},
            "jbi": {"level": logging.DEBUG, "handlers": ["text"]},
        },
    }


def jbi(folder: Path, jira: Service, bugzilla: Service) -> FastAPI:
    (folder / "version.json").write_text(json.dumps(JBI_VERSION))
    actions = {"create_issue": "1"}

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        checks.register(bugzilla.check_up, name="bugzilla.up")
        checks.register(jira.check_up, name="jira.up")
        checks.register_partial(jira.check_actions, actions, name="jira.actions")
        yield

    version = get_version(folder)
    assert version is not None
    app = FastAPI(version=version["version"] or "dev", lifespan=lifespan)
    app.state.APP_DIR = folder
    app.state.DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE = 503
    app.state.DOCKERFLOW_SUMMARY_LOG_QUERYSTRING = True
    app.include_router(router)
    app.add_middleware(RequestIdMiddleware)
    app.add_middleware(MozlogRequestSummaryLogger)

    @app.get("/whiteboard")
    async def whiteboard() -> None:
        logging.getLogger("jbi.router").debug("looking")

    return app


@pytest.fixture
def services() -> tuple[Service, Service]:
    return Service(), Service()


async def test_jbi_the_heartbeat_fails_with_503_and_names_the_failures(
    tmp_path: Path, services: tuple[Service, Service]
) -> None:
    jira, bugzilla = services
    bugzilla.messages = [checks.Error("Login fails.", id="bugzilla.login")]
    jira.messages = [checks.Warning("Slow.", hint="Wait.", id="jira.slow")]
    async with started(jbi(tmp_path, *services)) as client:
        got = await client.get("/__heartbeat__")
        headed = await client.head("/__heartbeat__")
    assert (got.status_code, headed.status_code) == (503, 503)
    report = got.json()
    assert report["checks"] == {
        "bugzilla.up": "error",
        "jira.up": "warning",
        "jira.actions": "ok",
    }
    assert report["details"]["bugzilla.up"] == {
        "level": 40,
        "messages": {"bugzilla.login": "Login fails."},
        "status": "error",
    }


async def test_jbi_a_warning_alone_is_200(
    tmp_path: Path, services: tuple[Service, Service]
) -> None:
    services[0].messages = [checks.Warning("Slow.", id="jira.slow")]
    async with started(jbi(tmp_path, *services)) as client:
        answer = await client.get("/__heartbeat__")
    assert (answer.status_code, answer.json()["status"]) == (200, "warning")


async def test_jbi_registers_the_same_checks_at_each_start(
    tmp_path: Path, services: tuple[Service, Service]
) -> None:
    app = jbi(tmp_path, *services)
    for _ in range(3):
        async with started(app) as client:
            answer = await client.get("/__heartbeat__")
            assert answer.status_code == 200
            assert answer.json() == {
                "checks": {"bugzilla.up": "ok", "jira.up": "ok", "jira.actions": "ok"},
                "details": {},
                "status": "ok",
            }
    other = jbi(tmp_path, Service(), Service())
    async with started(other) as client:
        assert (await client.head("/__heartbeat__")).status_code == 200


async def test_jbi_the_version_object_is_unchanged(
    tmp_path: Path, services: tuple[Service, Service]
) -> None:
    async with started(jbi(tmp_path, *services)) as client:
        assert (await client.get("/__version__")).json() == JBI_VERSION
        for method in ("GET", "HEAD"):
            answer = await client.request(method, "/__lbheartbeat__")
            assert answer.status_code == 200


async def test_jbi_each_format_has_the_request_id(
    tmp_path: Path, services: tuple[Service, Service], logged: Logged
) -> None:
    logging.config.dictConfig(jbi_logging(logged))
    async with started(jbi(tmp_path, *services)) as client:
        headers = {"X-Request-ID": "abc-123"}
        await client.get("/whiteboard?bug=1&user=a%20b", headers=headers)
        logging.getLogger("jbi.runner").info("outside of requests")
    (line,) = logged.lines("request.summary")
    fields = line["Fields"]
    assert line["Logger"] == "jbi"
    assert (fields["rid"], fields["path"], fields["code"]) == (
        "abc-123",
        "/whiteboard",
        200,
    )
    assert fields["querystring"] == "bug=1&user=a b"
    assert logged.lines("jbi.router")[0]["Fields"]["rid"] == "abc-123"
    assert logged.text.getvalue().splitlines() == [
        "jbi.router [abc-123] looking",
        "jbi.runner [None] outside of requests",
    ]


def test_jbi_sets_and_reads_the_id_outside_of_requests() -> None:
    assert request_id_context.get() is None
    token = request_id_context.set("item-1")
    try:
        assert request_id_context.get() == "item-1"
    finally:
        request_id_context.reset(token)
    MozlogFormatter(logger_name=__name__)


def git_reader(folder: Path, healthy: bool = True) -> FastAPI:
    (folder / "version.json").write_text('{"version": "v0.0.0"}')

    @checks.register
    def git_repo_health() -> list[checks.CheckMessage]:
        if healthy:
            return []
        return [checks.Error("Repository is stale.", id="git.health.0001")]

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.APP_DIR = folder
        yield

    app = FastAPI(lifespan=lifespan)
    app.include_router(router, prefix="/v2", tags=["dockerflow"])
    app.add_middleware(MozlogRequestSummaryLogger)
    app.add_middleware(RequestIdMiddleware)

    @app.get("/v2/")
    async def hello() -> str | None:
        return request_id_context.get()

    return app


def git_reader_logging(logged: Logged) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"rid": {"()": "dockerflow_mw.logging.RequestIdLogFilter"}},
        "formatters": {
            "json": {
                "()": "dockerflow_mw.logging.MozlogFormatter",
                "logger_name": "git-reader",
            }
        },
        "handlers": {
            "console": {
                "class": "dockerflow_mw.logging.MozlogHandler",
                "formatter": "json",
                "filters": ["rid"],
                "stream": logged.json,
            }
        },
        "root": {"handlers": ["console"], "level": "INFO"},
    }


# FastAPI gives both methods of a route the same id, as with python-dockerflow.
@pytest.mark.filterwarnings("ignore:Duplicate Operation ID")
async def test_git_reader_the_endpoints_are_below_the_prefix(
    tmp_path: Path,
) -> None:
    async with started(git_reader(tmp_path)) as client:
        assert (await client.get("/v2/__lbheartbeat__")).status_code == 200
        assert (await client.get("/v2/__version__")).json()["version"] == "v0.0.0"
        assert (await client.get("/v2/__heartbeat__")).json() == {
            "status": "ok",
            "checks": {"git_repo_health": "ok"},
            "details": {},
        }
        assert (await client.get("/__heartbeat__")).status_code == 404
        paths = (await client.get("/openapi.json")).json()["paths"]
    assert paths["/v2/__heartbeat__"]["get"]["tags"] == ["dockerflow"]


async def test_git_reader_a_stale_repository_fails_the_heartbeat(
    tmp_path: Path,
) -> None:
    async with started(git_reader(tmp_path, healthy=False)) as client:
        answer = await client.get("/v2/__heartbeat__")
    assert answer.status_code == 500
    assert answer.json()["checks"]["git_repo_health"] == "error"
    messages = answer.json()["details"]["git_repo_health"]["messages"]
    assert "git.health.0001" in messages


async def test_git_reader_the_test_exception_is_logged_with_the_request_id(
    tmp_path: Path, logged: Logged
) -> None:
    logging.config.dictConfig(git_reader_logging(logged))
    headers = {"X-Request-ID": "abc-123"}
    async with started(git_reader(tmp_path)) as client:
        seen = (await client.get("/v2/", headers=headers)).json()
        answer = await client.get("/v2/__error__", headers=headers)
    assert (seen, answer.status_code) == ("abc-123", 500)
    assert "This is a test exception from the /__error__ endpoint." in (
        logged.json.getvalue()
    )
    fields = [line["Fields"] for line in logged.lines("request.summary")]
    assert [(f["rid"], f["code"]) for f in fields] == [
        ("abc-123", 200),
        ("abc-123", 500),
    ]


async def test_git_reader_answers_without_its_lifespan(tmp_path: Path) -> None:
    async with client_of(git_reader(tmp_path)) as client:
        assert (await client.get("/v2/__lbheartbeat__")).status_code == 200
