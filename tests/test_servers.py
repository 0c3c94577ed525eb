"""Real servers, each in its own process, with a wrapped application."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.doors import Answer
from tests.servers import ANSWERS_WITHIN, Server, missing, poll, records, serving

WSGI = "tests.served:wsgi"
ASGI = "tests.served:asgi"
BIND = "127.0.0.1:{port}"

PYTHON = (sys.executable, "-m")
GUNICORN = (*PYTHON, "gunicorn", "--no-control-socket", "--bind", BIND, "-k")
UVICORN = (*PYTHON, "uvicorn", "--port", "{port}")
HYPERCORN = (*PYTHON, "hypercorn", "--bind", BIND)
DAPHNE = (*PYTHON, "daphne", "--port", "{port}")
GRANIAN = (*PYTHON, "granian", "--port", "{port}", "--interface")
WAITRESS = (*PYTHON, "waitress", "--listen", BIND)
UWSGI = (
    # The wheel of pyuwsgi has a command and no module to run with -m.
    str(Path(sys.executable).with_name("uwsgi")),
    "--master",
    "--die-on-term",
    # uWSGI makes stdout a copy of stderr by default.
    *("--logto", "/dev/stdout"),
    # Without this option, an exception closes the connection without a response.
    "--catch-exceptions",
    # uWSGI closes each connection and does not announce it by itself.
    *("--add-header", "Connection: close"),
    *("--http-socket", BIND),
    "--module",
)

# The name of each server, the modules that it needs, and its command line.
SERVERS = [
    ("gunicorn-sync", ["fcntl", "gunicorn"], [*GUNICORN, "sync", WSGI]),
    ("gunicorn-gthread", ["fcntl", "gunicorn"], [*GUNICORN, "gthread", WSGI]),
    ("gunicorn-gevent", ["fcntl", "gunicorn", "gevent"], [*GUNICORN, "gevent", WSGI]),
    (
        "gunicorn-asgi",
        ["fcntl", "gunicorn", "gunicorn.asgi"],
        [*GUNICORN, "asgi", ASGI],
    ),
    ("uvicorn", ["uvicorn"], [*UVICORN, ASGI]),
    ("uvicorn-2-workers", ["uvicorn"], [*UVICORN, "--workers", "2", ASGI]),
    ("hypercorn", ["hypercorn"], [*HYPERCORN, ASGI]),
    ("daphne", ["daphne"], [*DAPHNE, ASGI]),
    ("granian-wsgi", ["granian"], [*GRANIAN, "wsgi", WSGI]),
    ("granian-asgi", ["granian"], [*GRANIAN, "asgi", ASGI]),
    ("waitress", ["waitress"], [*WAITRESS, WSGI]),
    ("uwsgi", ["pyuwsgi"], [*UWSGI, WSGI]),
    ("wsgiref", [], [*PYTHON, "tests.served", "{port}"]),
]

# The requests in their order. The client keeps connections alive if the server does.
REQUESTS = {
    "lbheartbeat": ("GET", "/__lbheartbeat__"),
    "heartbeat": ("GET", "/__heartbeat__"),
    "heartbeat-head": ("HEAD", "/__heartbeat__"),
    "version": ("GET", "/__version__"),
    "page": ("GET", "/page"),
    "page-head": ("HEAD", "/page"),
    "boom": ("GET", "/boom"),
    "stream": ("GET", "/stream"),
    "heartbeat-broken": ("GET", "/__heartbeat__"),
    "heartbeat-mended": ("GET", "/__heartbeat__"),
}

VERSION = {"source": "https://example.org/served", "version": "1.2.3", "commit": "abc"}


@dataclasses.dataclass(frozen=True)
class Session:
    """The run of one server: its responses, its lines, and whether it stopped."""

    answers: dict[str, Answer]
    lines: list[str]
    stopped: bool

    def logged(self, logger: str) -> list[dict[str, Any]]:
        """Return the records of a logger."""
        return [record for record in records(self.lines) if record["Type"] == logger]

    def fields(self, logger: str, name: str) -> list[dict[str, Any]]:
        """Return the fields of a logger's records of one request."""
        every = [record["Fields"] for record in self.logged(logger)]
        return [fields for fields in every if fields.get("rid") == rid(name)]


def rid(name: str) -> str:
    return f"abc-123-{name}"


def ask(client: httpx.Client, name: str, folder: Path) -> Answer:
    method, path = REQUESTS[name]
    body = b""
    with client.stream(method, path, headers={"X-Request-ID": rid(name)}) as response:
        for chunk in response.iter_bytes():
            body += chunk
            # The stream waits for this file: a server that buffers chunks hangs here.
            (folder / f"read-{name}").touch()
    return Answer(response.status_code, response.headers, body)


def send_requests(server: Server) -> Iterator[tuple[str, Answer]]:
    broken = server.folder / "broken"
    with httpx.Client(
        base_url=server.url, timeout=ANSWERS_WITHIN, trust_env=False
    ) as client:
        for name in REQUESTS:
            if name == "heartbeat-broken":
                broken.touch()
            if name == "heartbeat-mended":
                broken.unlink()
            yield name, ask(client, name, server.folder)


def has_all_summaries(server: Server) -> bool:
    summaries = [line for line in server.output() if '"request.summary"' in line]
    return all(any(f'"{rid(name)}"' in line for line in summaries) for name in REQUESTS)


@pytest.fixture(
    scope="module", params=[pytest.param(row[1:], id=row[0]) for row in SERVERS]
)
def session(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Session:
    needs, command = request.param
    if (module := missing(needs)) is not None:
        pytest.skip(f"{module} is not installed")
    folder = tmp_path_factory.mktemp("served")
    (folder / "version.json").write_text(json.dumps(VERSION))
    with serving(command, folder) as server:
        answers = dict(send_requests(server))
        # A summary is logged after the response, and some servers stop at once.
        poll(lambda: has_all_summaries(server), ANSWERS_WITHIN)
    return Session(answers, server.output(), server.stopped)


def test_lbheartbeat_is_an_empty_200(session: Session) -> None:
    answer = session.answers["lbheartbeat"]

    assert (answer.status, answer.body) == (200, b"")


def test_version_is_the_file_of_the_working_directory(session: Session) -> None:
    answer = session.answers["version"]

    assert (answer.status, json.loads(answer.body)) == (200, VERSION)


def test_the_heartbeat_runs_sync_and_async_checks(session: Session) -> None:
    answer = session.answers["heartbeat"]

    assert answer.status == 200
    assert json.loads(answer.body) == {
        "status": "ok",
        "checks": {"works": "ok", "works_async": "ok", "fragile": "ok"},
        "details": {},
    }


def test_the_heartbeat_follows_its_checks(session: Session) -> None:
    names = ("heartbeat", "heartbeat-broken", "heartbeat-mended")
    broken = json.loads(session.answers["heartbeat-broken"].body)

    assert [session.answers[name].status for name in names] == [200, 500, 200]
    assert broken["checks"] == {"works": "ok", "works_async": "ok", "fragile": "error"}


@pytest.mark.parametrize("name", ["heartbeat", "page"])
def test_head_has_the_headers_of_get_and_no_body(session: Session, name: str) -> None:
    got, head = session.answers[name], session.answers[f"{name}-head"]
    shared = ("content-type", "content-length", "cache-control")

    assert (head.status, head.body) == (got.status, b"")
    assert [head.headers.get(n) for n in shared] == [got.headers.get(n) for n in shared]
    assert int(head.headers["content-length"]) == len(got.body)


def test_a_page_passes_unchanged(session: Session) -> None:
    answer = session.answers["page"]

    assert (answer.status, answer.body) == (200, b"an ordinary page")


def test_a_stream_passes_chunk_by_chunk(session: Session) -> None:
    answer = session.answers["stream"]

    assert (answer.status, answer.body) == (200, b"one two three")


def test_the_server_sends_500_for_an_exception(session: Session) -> None:
    assert session.answers["boom"].status == 500


@pytest.mark.parametrize("name", REQUESTS)
def test_each_request_leaves_one_correct_summary(session: Session, name: str) -> None:
    method, path = REQUESTS[name]
    [fields] = session.fields("request.summary", name)
    expected = {"method": method, "path": path, "code": session.answers[name].status}

    assert fields | expected == fields
    assert fields["agent"].startswith("python-httpx/")
    assert type(fields["t"]) is int
    assert fields["t"] >= 0


def test_a_log_record_of_the_application_has_the_request_id(session: Session) -> None:
    [fields] = session.fields("served", "page")

    assert fields["msg"] == "Serving a page."


def test_each_serving_process_logs_one_start_up_record(session: Session) -> None:
    started = Counter(r["Pid"] for r in session.logged("dockerflow.middleware"))
    serving = {record["Pid"] for record in session.logged("request.summary")}

    assert serving
    assert serving <= set(started)
    assert set(started.values()) == {1}


def test_only_requests_leave_summaries(session: Session) -> None:
    logged = Counter(r["Fields"]["path"] for r in session.logged("request.summary"))
    requested = Counter(path for _, path in REQUESTS.values())

    # The test polls /__lbheartbeat__ an unknown number of times until the server is up.
    del logged["/__lbheartbeat__"], requested["/__lbheartbeat__"]
    assert logged == requested


def test_every_line_that_starts_with_a_brace_is_json(session: Session) -> None:
    lines = [line for line in session.lines if line.startswith("{")]

    assert [json.loads(line)["EnvVersion"] for line in lines] == ["2.0"] * len(lines)


def test_sigterm_stops_the_server(session: Session) -> None:
    assert session.stopped
