"""The Flask extension under real servers, with a real database behind it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import services
from tests.servers import ANSWERS_WITHIN, Server, missing, poll, records, serving
from tests.services import Service

VERSION = {"source": "https://example.org/served", "version": "1.2.3", "commit": "abc"}

PYTHON = (sys.executable, "-m")
GUNICORN = (*PYTHON, "gunicorn", "--no-control-socket", "--bind", "127.0.0.1:{port}")
UVICORN = (*PYTHON, "uvicorn", "--port", "{port}", "--factory")

DATABASE = "check_database_connected"


def client_of(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, timeout=ANSWERS_WITHIN, trust_env=False)


def summaries(server: Server) -> list[dict[str, Any]]:
    """Return the fields of the summaries, without those of the start probes."""
    found = [
        r["Fields"] for r in records(server.output()) if r["Type"] == "request.summary"
    ]
    return [fields for fields in found if fields["path"] != "/__lbheartbeat__"]


def in_folder(folder: Path, url: str) -> Path:
    (folder / "database").write_text(url.replace("postgresql:", "postgresql+psycopg:"))
    (folder / "version.json").write_text(json.dumps(VERSION))
    return folder


@pytest.fixture(params=[("sync", "1"), ("gthread", "4")], ids=lambda param: param[0])
def gunicorn(
    request: pytest.FixtureRequest, tmp_path: Path, postgres: Service
) -> Iterator[Server]:
    if (module := missing(["fcntl", "gunicorn"])) is not None:
        pytest.skip(f"{module} is not installed")
    kind, threads = request.param
    options = ("-k", kind, "--threads", threads, "--workers", "2")
    command = (*GUNICORN, *options, "tests.flask.served:app")
    with serving(command, in_folder(tmp_path, postgres.url)) as server:
        yield server


def test_gunicorn_reports_a_stopped_database_and_its_return(
    gunicorn: Server, postgres: Service
) -> None:
    with client_of(gunicorn) as client:

        def heartbeat() -> tuple[int, str]:
            answer = client.get("/__heartbeat__")
            return answer.status_code, answer.json()["checks"][DATABASE]

        # Six requests reach both workers with a high probability.
        assert [heartbeat() for _ in range(6)] == [(200, "ok")] * 6
        with services.stopped(postgres):
            assert [heartbeat() for _ in range(6)] == [(503, "error")] * 6
            assert client.get("/__lbheartbeat__").status_code == 200
            assert client.get("/").status_code == 500
        assert [heartbeat() for _ in range(6)] == [(200, "ok")] * 6

    poll(lambda: len(summaries(gunicorn)) == 19, ANSWERS_WITHIN)
    codes = [fields["code"] for fields in summaries(gunicorn)]
    assert codes == [200] * 6 + [503] * 6 + [500] + [200] * 6


def test_gunicorn_logs_a_summary_of_each_request(gunicorn: Server) -> None:
    asked = {
        "/": (200, b"7 rid-1"),
        "/boom": (500, None),
        "/missing": (404, None),
        "/stream": (200, b"one two"),
        "/file": (200, json.dumps(VERSION).encode()),
        "/__version__": (200, json.dumps(VERSION).encode()),
        "/__error__": (500, None),
    }
    with client_of(gunicorn) as client:
        for path, (status, body) in asked.items():
            answer = client.get(path, headers={"X-Request-ID": "rid-1"})
            assert answer.status_code == status
            assert body is None or answer.content == body

    poll(lambda: len(summaries(gunicorn)) == len(asked), ANSWERS_WITHIN)
    told = [(f["path"], f["code"], f["rid"]) for f in summaries(gunicorn)]
    expected = [(path, status, "rid-1") for path, (status, _) in asked.items()]
    assert told == expected
    first, boom, *_, error = summaries(gunicorn)
    assert first["number"] == 7
    assert boom["error"] == "ValueError('boom')"
    assert error["msg"] == "This is a test exception from the /__error__ endpoint."
    # The record of Flask itself has the same request id.
    logged = [
        r for r in records(gunicorn.output()) if r["Type"] == "tests.flask.served"
    ]
    assert {r["Fields"]["rid"] for r in logged} == {"rid-1"}


@pytest.mark.parametrize(
    ("factory", "needs"),
    [("through_a2wsgi", ["a2wsgi"]), ("through_connexion", ["connexion"])],
)
def test_shipit_s_use_of_the_extension_works(
    tmp_path: Path, factory: str, needs: list[str]
) -> None:
    if (module := missing([*needs, "uvicorn"])) is not None:
        pytest.skip(f"{module} is not installed")
    folder = in_folder(tmp_path, "sqlite:///shipit.db")
    command = (*UVICORN, f"tests.flask.shipit:{factory}")
    with serving(command, folder) as server, client_of(server) as client:
        answer = client.get("/__heartbeat__", headers={"X-Request-ID": "rid-1"})
        assert answer.json() == {
            "status": "warning",
            "checks": {"auth": "ok", DATABASE: "ok", "pulse": "warning"},
            "details": {
                "pulse": {
                    "status": "warning",
                    "level": 30,
                    "messages": {"shipit.W001": "shipit has no pulse"},
                }
            },
        }
        assert answer.status_code == 200
        assert client.get("/__version__").json() == VERSION
        lbheartbeat = client.get("/__lbheartbeat__")
        assert (lbheartbeat.status_code, lbheartbeat.content) == (200, b"")
        releases = client.get("/releases", headers={"X-Request-ID": "rid-2"})
        assert releases.json() == ["rid-2"]
        error = client.get("/__error__")
        assert error.status_code == 500

        poll(lambda: len(summaries(server)) == 4, ANSWERS_WITHIN)
        told = [(fields["path"], fields["code"]) for fields in summaries(server)]
        assert told == [
            ("/__heartbeat__", 200),
            ("/__version__", 200),
            ("/releases", 200),
            ("/__error__", 500),
        ]
        lines = records(server.output())
        assert {line["Logger"] for line in lines} == {"Dockerflow"}
