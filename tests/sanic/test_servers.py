"""Sanic on its own server and under Uvicorn: one correct summary for each request."""

from __future__ import annotations

import dataclasses
import json
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests import services
from tests.servers import ANSWERS_WITHIN, Server, poll, records, serving

OWN = (
    *(sys.executable, "-m", "sanic", "tests.sanic.served:app", "--port", "{port}"),
    *("--workers", "2", "--no-access-logs", "--no-motd"),
)
UVICORN = (
    *(sys.executable, "-m", "uvicorn", "tests.sanic.served:app", "--port", "{port}"),
    "--no-access-log",
)
VERSION = {"version": "1.2.3", "commit": "abc", "extra": None}


@dataclasses.dataclass(frozen=True)
class Running:
    """A running server.

    Attributes:
        own: whether it is Sanic's own.
    """

    server: Server
    own: bool

    def dial(self) -> socket.socket:
        """Return a connection."""
        host, port = self.server.url.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), ANSWERS_WITHIN)

    def records(self, name: str) -> list[dict[str, Any]]:
        """Return the records of a logger."""
        return [r for r in records(self.server.output()) if r["Type"] == name]

    def summaries(self, **wanted: str) -> list[dict[str, Any]]:
        """Return the summaries with these fields."""
        every = [record["Fields"] for record in self.records("request.summary")]
        return [fields for fields in every if fields | wanted == fields]

    def summary(self, **wanted: str) -> dict[str, Any]:
        """Wait for the only summary with these fields, and return it."""
        poll(lambda: bool(self.summaries(**wanted)), ANSWERS_WITHIN)
        (fields,) = self.summaries(**wanted)
        return fields


@pytest.fixture(
    scope="module",
    params=[pytest.param(OWN, id="own"), pytest.param(UVICORN, id="uvicorn")],
)
def running(
    request: pytest.FixtureRequest,
    valkey: services.Service,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("sanic")
    (folder / "redis").write_text(valkey.url)
    (folder / "version.json").write_text(json.dumps(VERSION))
    with serving(request.param, folder) as server:
        yield Running(server, request.param is OWN)


@pytest.fixture
def client(running: Running) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=running.server.url, timeout=ANSWERS_WITHIN, trust_env=False
    ) as made:
        yield made


@pytest.mark.parametrize(
    ("method", "path", "code", "errno", "error"),
    [
        ("GET", "/", 200, 0, None),
        ("HEAD", "/head", 200, 0, None),
        ("GET", "/nowhere", 404, 0, None),
        ("POST", "/", 405, 0, None),
        ("GET", "/boom", 500, 500, "ValueError('boom')"),
        ("GET", "/teapot", 418, 0, None),
        ("GET", "/unavailable", 503, 503, None),
        ("GET", "/replaced", 202, 0, None),
        ("GET", "/stream", 200, 0, None),
        ("GET", "/file", 200, 0, None),
        ("GET", "/file-stream", 200, 0, None),
        ("POST", "/upload", 200, 0, None),
        ("GET", "/__version__", 200, 0, None),
        ("HEAD", "/__heartbeat__", 200, 0, None),
        ("POST", "/__heartbeat__", 405, 0, None),
    ],
)
def test_a_request_leaves_one_correct_summary(
    running: Running,
    client: httpx.Client,
    method: str,
    path: str,
    code: int,
    errno: int,
    error: str | None,
) -> None:
    rid = f"true-{method}-{path.strip('/')}"
    body = b"x" * 100_000 if path == "/upload" else None
    headers = {"X-Request-ID": rid}
    answer = client.request(method, path, headers=headers, content=body)
    fields = running.summary(rid=rid)
    assert answer.status_code == code
    assert (fields["method"], fields["path"], fields["code"]) == (method, path, code)
    assert (fields["errno"], fields.get("error")) == (errno, error)
    assert "disconnected" not in fields


def test_an_exception_within_a_stream_keeps_the_sent_status(
    running: Running, client: httpx.Client
) -> None:
    try:
        client.get("/torn", headers={"X-Request-ID": "torn"})
    except httpx.RemoteProtocolError:
        # Sanic's own server ends the response as if it were complete.
        assert not running.own
    fields = running.summary(rid="torn")
    assert (fields["code"], fields["errno"]) == (200, 500)
    assert fields["error"] == "ValueError('torn')"


def test_a_response_that_sanic_breaks_off_is_an_error(
    running: Running, client: httpx.Client
) -> None:
    if not running.own:
        pytest.skip("Under ASGI, Sanic does not report such a request.")
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/late", headers={"X-Request-ID": "late"})
    fields = running.summary(rid="late")
    assert (fields["code"], fields["errno"]) == (500, 500)
    sentence = "Sanic closed the connection before the end of the response."
    assert (fields["error"], fields["incomplete"]) == (sentence, True)
    assert "disconnected" not in fields


def test_a_response_that_replaces_an_unsent_one_has_its_own_status(
    running: Running, client: httpx.Client
) -> None:
    answer = client.get("/unsent", headers={"X-Request-ID": "unsent"})
    assert answer.status_code == 500
    fields = running.summary(rid="unsent")
    assert (fields["code"], fields["errno"]) == (500, 500)
    assert fields["error"] == "ValueError('unsent')"


def test_the_time_of_a_stream_includes_its_body(
    running: Running, client: httpx.Client
) -> None:
    assert client.get("/stream", headers={"X-Request-ID": "t"}).text == "one two"
    assert running.summary(rid="t")["t"] >= 250


def test_the_time_of_an_upload_includes_its_body(running: Running) -> None:
    with running.dial() as connection:
        connection.sendall(
            b"POST /upload HTTP/1.1\r\nHost: x\r\nX-Request-ID: up\r\n"
            b"Connection: close\r\nContent-Length: 2\r\n\r\na"
        )
        time.sleep(0.3)
        connection.sendall(b"b")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")
    assert running.summary(rid="up")["t"] >= 250


def test_requests_of_one_connection_have_their_own_ids(
    running: Running, client: httpx.Client
) -> None:
    seen = [
        client.get(path, headers=headers).text
        for path, headers in [
            ("/", {"X-Request-ID": "first"}),
            ("/boom", {"X-Request-ID": "second"}),
            ("/", {}),
            ("/teapot", {"X-Request-ID": "third"}),
            ("/", {}),
        ]
    ]
    assert seen[0] == "first"
    made = {seen[2], seen[4]}
    assert len(made) == 2
    assert all(len(rid) == 32 for rid in made)
    assert running.summary(rid="first")["uid"] == "u1"
    assert running.summary(rid="second")["uid"] == ""


def test_records_of_the_application_have_the_request_id(
    running: Running, client: httpx.Client
) -> None:
    client.get("/", headers={"X-Request-ID": "logged"})
    running.summary(rid="logged")
    (record,) = (r for r in running.records("served") if r["Fields"]["rid"] == "logged")
    assert record["Fields"]["msg"] == "Asked for a page."


def test_a_disconnect_within_a_stream_is_recorded(
    running: Running, client: httpx.Client
) -> None:
    with client.stream("GET", "/forever", headers={"X-Request-ID": "left"}) as answer:
        next(answer.iter_bytes())
    fields = running.summary(rid="left")
    assert (fields["code"], fields["errno"]) == (200, 0)
    if running.own:
        # Under ASGI, Sanic does not notice the disconnect.
        assert fields["disconnected"] is True
    assert fields["route"] == "served.forever"


def test_a_disconnect_before_the_response_is_recorded(running: Running) -> None:
    headers = {"X-Request-ID": "impatient"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{running.server.url}/slow", headers=headers, timeout=0.2)
    fields = running.summary(rid="impatient")
    if running.own:
        assert (fields["code"], fields["errno"]) == (499, 0)
        assert fields["disconnected"] is True


def test_a_disconnect_within_the_request_is_recorded(
    running: Running,
) -> None:
    with running.dial() as connection:
        connection.sendall(
            b"POST /upload HTTP/1.1\r\nHost: x\r\nX-Request-ID: half\r\n"
            b"Content-Length: 2\r\n\r\na"
        )
    fields = running.summary(rid="half")
    if running.own:
        assert (fields["code"], fields["errno"]) == (499, 0)
        assert fields["disconnected"] is True


def test_a_request_that_sanic_cannot_parse_is_recorded(running: Running) -> None:
    with running.dial() as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert b" 400 " in connection.recv(100)
    if running.own:
        assert running.summary(method="NONE")["code"] == 400


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("Content-Length", "abc", 400),
        ("Content-Length", "-5", 400),
        ("Transfer-Encoding", "foo", 400),
        ("Content-Length: 1\r\nExpect", "nonsense", 417),
    ],
)
def test_a_malformed_request_leaves_one_summary_without_error(
    running: Running, name: str, value: str, code: int
) -> None:
    if not running.own:
        pytest.skip("Uvicorn itself responds to these.")
    rid = f"malformed-{value}"
    with running.dial() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Request-ID: ok\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        head = f"POST /upload HTTP/1.1\r\nHost: x\r\nX-Request-ID: {rid}\r\n"
        connection.sendall(f"{head}{name}: {value}\r\n\r\n".encode())
        assert connection.recv(1000).startswith(f"HTTP/1.1 {code}".encode())
        while connection.recv(1000):
            ...
    fields = running.summary(rid=rid)
    assert (fields["method"], fields["path"]) == ("POST", "/upload")
    assert (fields["code"], fields["errno"]) == (code, 0)
    assert "error" not in fields
    strays = [s for s in running.summaries(method="NONE") if s["path"] != "*"]
    assert strays == []


def test_a_websocket_has_an_id_and_leaves_no_summary(
    running: Running, client: httpx.Client
) -> None:
    url = running.server.url.replace("http", "ws") + "/websocket"
    headers = {"X-Request-ID": "ws"}
    # Old releases of websockets lack the option to ignore a proxy.
    with connect(url, additional_headers=headers, sock=running.dial()) as websocket:
        assert websocket.recv(ANSWERS_WITHIN) == "ws"
    client.get("/", headers={"X-Request-ID": "after-ws"})
    running.summary(rid="after-ws")
    assert running.summaries(rid="ws") == []


def test_the_heartbeat_follows_redis(
    running: Running, client: httpx.Client, valkey: services.Service
) -> None:
    def ask(rid: str) -> httpx.Response:
        return client.get("/__heartbeat__", headers={"X-Request-ID": rid})

    assert ask("well").json()["checks"] == {"check_redis_connected": "ok"}
    with services.stopped(valkey):
        down = ask("down")
        assert client.get("/__lbheartbeat__").status_code == 200
        assert client.get("/redis").status_code == 500
    assert (down.status_code, down.json()["status"]) == (503, "error")
    details = down.json()["details"]["check_redis_connected"]
    assert list(details["messages"]) == ["dockerflow.health.E004"]
    assert client.get("/redis").json() is True
    assert ask("again").status_code == 200
    codes = {r: running.summary(rid=r)["code"] for r in ("well", "down", "again")}
    assert codes == {"well": 200, "down": 503, "again": 200}


def test_the_version_comes_from_the_working_directory(client: httpx.Client) -> None:
    assert client.get("/__version__").json() == VERSION


def test_each_worker_logs_its_start_once(running: Running) -> None:
    for _ in range(20):
        httpx.get(running.server.url, trust_env=False)
    announced = Counter(r["Pid"] for r in running.records("dockerflow.middleware"))
    assert len(announced) == (2 if running.own else 1)
    assert set(announced.values()) == {1}
    serving_ = {record["Pid"] for record in running.records("request.summary")}
    assert serving_ <= set(announced)


def test_an_invalid_setting_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(
        "from sanic import Sanic\n"
        "from dockerflow_mw.sanic import Dockerflow\n"
        "app = Sanic('bad')\n"
        "app.config.DOCKERFLOW_SAMPLE = 'many'\n"
        "Dockerflow(app)\n"
    )
    command = [sys.executable, "-m", "sanic", "bad:app", "--port", "{port}"]
    sentence = "DOCKERFLOW_SAMPLE is 'many'; it must be a number above 0 and up to 1."
    with pytest.raises(RuntimeError, match=sentence), serving(command, tmp_path):
        pass
