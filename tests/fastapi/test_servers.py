"""FastAPI under Uvicorn, with a real database that stops and starts again."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import services
from tests.servers import ANSWERS_WITHIN, Server, poll, records, serving

COMMAND = (sys.executable, "-m", "uvicorn", "--port", "{port}", "--no-access-log")
VERSION = {"version": "1.2.3", "commit": "abc", "extra": None}


@pytest.fixture(scope="module")
def server(
    postgres: services.Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("fastapi")
    (folder / "database").write_text(
        postgres.url.replace("postgresql://", "postgresql+psycopg://")
    )
    (folder / "version.json").write_text(json.dumps(VERSION))
    with serving([*COMMAND, "tests.fastapi.served:app"], folder) as served:
        yield served


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=server.url, timeout=ANSWERS_WITHIN, trust_env=False
    ) as made:
        yield made


def summaries(server: Server, rid: str) -> list[dict[str, Any]]:
    logged = [r for r in records(server.output()) if r["Type"] == "request.summary"]
    return [r["Fields"] for r in logged if r["Fields"]["rid"] == rid]


def summary_of(server: Server, rid: str) -> dict[str, Any]:
    poll(lambda: bool(summaries(server, rid)), ANSWERS_WITHIN)
    (fields,) = summaries(server, rid)
    return fields


def ask(client: httpx.Client, path: str, rid: str) -> httpx.Response:
    return client.get(path, headers={"X-Request-ID": rid})


def test_the_heartbeat_follows_the_database(
    server: Server, client: httpx.Client, postgres: services.Service
) -> None:
    assert ask(client, "/__heartbeat__", "well").json()["status"] == "ok"
    with services.stopped(postgres):
        down = ask(client, "/__heartbeat__", "down")
        assert ask(client, "/__lbheartbeat__", "alive").status_code == 200
        assert ask(client, "/", "page-down").status_code == 500
    again = ask(client, "/__heartbeat__", "again")
    page = ask(client, "/", "page")

    assert (down.status_code, down.json()["checks"]) == (503, {"database": "error"})
    assert list(down.json()["details"]["database"]["messages"]) == [
        "dockerflow.health.E008"
    ]
    assert (again.status_code, page.text) == (200, "42")
    codes = {rid: summary_of(server, rid)["code"] for rid in ("well", "down", "again")}
    assert codes == {"well": 200, "down": 503, "again": 200}
    failed = summary_of(server, "page-down")
    assert (failed["code"], failed["errno"]) == (500, 500)
    assert summary_of(server, "page")["uid"] == "u1"


def test_the_version_is_in_the_folder_that_the_lifespan_sets(
    client: httpx.Client,
) -> None:
    assert client.get("/__version__").json() == VERSION


def test_a_disconnect_of_the_client_is_in_the_summary(
    server: Server, client: httpx.Client
) -> None:
    with client.stream(
        "GET", "/forever", headers={"X-Request-ID": "disconnected"}
    ) as answer:
        next(answer.iter_bytes())

    fields = summary_of(server, "disconnected")
    assert (fields["code"], fields["errno"]) == (200, 0)
    assert fields["disconnected"] is True


def test_an_invalid_setting_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "database").write_text("sqlite+aiosqlite://")
    (tmp_path / "bad.py").write_text(
        "from tests.fastapi.served import app\napp.state.DOCKERFLOW_SAMPLE = 'many'\n"
    )
    command = [*COMMAND, "--app-dir", str(tmp_path), "bad:app"]
    sentence = "DOCKERFLOW_SAMPLE is 'many'; it must be a number above 0 and up to 1."
    with pytest.raises(RuntimeError, match=sentence), serving(command, tmp_path):
        pass
