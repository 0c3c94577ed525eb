"""Sanic on its own server and under Uvicorn: one true record for whatever happens."""

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
    """A server, and whether it is Sanic's own."""

    server: Server
    own: bool

    def dial(self) -> socket.socket:
        """Give a connection."""
        host, port = self.server.url.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), ANSWERS_WITHIN)

    def records(self, name: str) -> list[dict[str, Any]]:
        """Give the records of a logger."""
        return [r for r in records(self.server.output()) if r["Type"] == name]

    def summaries(self, **told: str) -> list[dict[str, Any]]:
        """Give the summaries that say what is told."""
        every = [record["Fields"] for record in self.records("request.summary")]
        return [fields for fields in every if fields | told == fields]

    def summary(self, **told: str) -> dict[str, Any]:
        """Give the one summary that says what is told, as soon as it is there."""
        poll(lambda: bool(self.summaries(**told)), ANSWERS_WITHIN)
        (fields,) = self.summaries(**told)
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
def test_g_h_a_request_leaves_one_true_record(
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


def test_a_response_that_is_torn_has_the_status_that_was_sent(
    running: Running, client: httpx.Client
) -> None:
    try:
        client.get("/torn", headers={"X-Request-ID": "torn"})
    except httpx.RemoteProtocolError:
        # Sanic's own server ends the response as if it were whole.
        assert not running.own
    fields = running.summary(rid="torn")
    assert (fields["code"], fields["errno"]) == (200, 500)
    assert fields["error"] == "ValueError('torn')"


def test_what_is_no_exception_is_no_client_that_left(
    running: Running, client: httpx.Client
) -> None:
    try:
        client.get("/late", headers={"X-Request-ID": "late"})
    except httpx.RemoteProtocolError:
        # Sanic's own server answers nothing.
        assert running.own
    fields = running.summary(rid="late")
    assert (fields["code"], fields["errno"]) == (500, 500)
    told = "Late('late')" if running.own else "Sanic gave no whole response."
    assert fields["error"] == told
    assert "disconnected" not in fields


def test_a_stream_is_timed_to_its_end(running: Running, client: httpx.Client) -> None:
    assert client.get("/stream", headers={"X-Request-ID": "t"}).text == "one two"
    assert running.summary(rid="t")["t"] >= 250


def test_an_upload_is_timed_from_its_beginning(running: Running) -> None:
    with running.dial() as connection:
        connection.sendall(
            b"POST /upload HTTP/1.1\r\nHost: x\r\nX-Request-ID: up\r\n"
            b"Connection: close\r\nContent-Length: 2\r\n\r\na"
        )
        time.sleep(0.3)
        connection.sendall(b"b")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")
    assert running.summary(rid="up")["t"] >= 250


def test_e2_an_id_is_not_that_of_the_request_before(
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


def test_the_id_is_on_the_records_of_the_application(
    running: Running, client: httpx.Client
) -> None:
    client.get("/", headers={"X-Request-ID": "logged"})
    running.summary(rid="logged")
    (record,) = (r for r in running.records("served") if r["Fields"]["rid"] == "logged")
    assert record["Fields"]["msg"] == "Asked for a page."


def test_a_client_that_leaves_a_stream_is_told_of(
    running: Running, client: httpx.Client
) -> None:
    with client.stream("GET", "/forever", headers={"X-Request-ID": "left"}) as answer:
        next(answer.iter_bytes())
    fields = running.summary(rid="left")
    assert (fields["code"], fields["errno"]) == (200, 0)
    if running.own:
        # Under ASGI, nobody tells Sanic.
        assert fields["disconnected"] is True
    assert fields["route"] == "served.forever"


def test_a_client_that_leaves_before_its_answer_is_told_of(running: Running) -> None:
    headers = {"X-Request-ID": "impatient"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{running.server.url}/slow", headers=headers, timeout=0.2)
    fields = running.summary(rid="impatient")
    if running.own:
        assert (fields["code"], fields["errno"]) == (499, 0)
        assert fields["disconnected"] is True


def test_a_client_that_leaves_before_its_request_is_whole_is_told_of(
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


def test_what_cannot_be_parsed_is_told_of_where_sanic_parses(running: Running) -> None:
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
def test_a_malformed_request_leaves_one_record_and_no_error(
    running: Running, name: str, value: str, code: int
) -> None:
    if not running.own:
        pytest.skip("The server itself answers for these.")
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


def test_a_websocket_has_an_id_and_leaves_no_record(
    running: Running, client: httpx.Client
) -> None:
    url = running.server.url.replace("http", "ws") + "/websocket"
    headers = {"X-Request-ID": "ws"}
    # On a socket of ours, because the option of no proxy is not in every release.
    with connect(url, additional_headers=headers, sock=running.dial()) as websocket:
        assert websocket.recv(ANSWERS_WITHIN) == "ws"
    client.get("/", headers={"X-Request-ID": "after-ws"})
    running.summary(rid="after-ws")
    assert running.summaries(rid="ws") == []


def test_i1_the_heartbeat_follows_redis(
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


def test_the_version_is_that_of_the_working_directory(client: httpx.Client) -> None:
    assert client.get("/__version__").json() == VERSION


def test_each_worker_tells_what_is_served_once(running: Running) -> None:
    for _ in range(20):
        httpx.get(running.server.url, trust_env=False)
    announced = Counter(r["Pid"] for r in running.records("dockerflow.middleware"))
    assert len(announced) == (2 if running.own else 1)
    assert set(announced.values()) == {1}
    serving_ = {record["Pid"] for record in running.records("request.summary")}
    assert serving_ <= set(announced)


def test_a_setting_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
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
