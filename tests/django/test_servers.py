"""Django on real servers with PostgreSQL and Valkey, which are stopped."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from tests.servers import ANSWERS_WITHIN, Server, missing, poll, records, serving
from tests.services import Service, stopped

APPLICATION_NAME = "dockerflow-mw-served"
BIND = "127.0.0.1:{port}"
GUNICORN = (sys.executable, "-m", "gunicorn", "--no-control-socket", "--bind", BIND)
UVICORN = (sys.executable, "-m", "uvicorn", "--port", "{port}")

DJANGO_REDIS = "django_redis.cache.RedisCache"
DJANGO_S_OWN = "django.core.cache.backends.redis.RedisCache"

# The id of each server, its modules, its command, and the cache.
SERVERS = [
    (
        "gunicorn-sync",
        ["gunicorn"],
        [*GUNICORN, "-k", "sync", "tests.django.served:wsgi"],
        DJANGO_S_OWN,
    ),
    (
        "gunicorn-gthread",
        ["gunicorn", "django_redis"],
        [*GUNICORN, "-k", "gthread", "--threads", "2", "tests.django.served:wsgi"],
        DJANGO_REDIS,
    ),
    ("uvicorn", ["uvicorn"], [*UVICORN, "tests.django.served:asgi"], DJANGO_S_OWN),
]

E001 = "dockerflow.health.E001"
E004 = "dockerflow.health.E004"
I001 = "dockerflow.health.I001"
W001 = "dockerflow.health.W001"


@pytest.fixture(
    scope="module", params=[pytest.param(row[1:], id=row[0]) for row in SERVERS]
)
def server(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgres: Service,
    valkey: Service,
) -> Iterator[Server]:
    needs, command, cache = request.param
    if (module := missing(needs)) is not None:
        pytest.skip(f"{module} is not installed")
    folder = tmp_path_factory.mktemp("served")
    services = {"postgres": postgres.url, "valkey": valkey.url, "cache": cache}
    (folder / "services.json").write_text(json.dumps(services))
    with serving(command, folder) as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=server.url, timeout=ANSWERS_WITHIN, trust_env=False
    ) as made:
        yield made


def probe(client: httpx.Client) -> tuple[int, dict[str, str]]:
    """Return the status of a heartbeat, and the first message id of each check."""
    answer = client.get("/__heartbeat__")
    details = answer.json()["details"]
    ids = {name: next(iter(said["messages"])) for name, said in details.items()}
    return answer.status_code, ids


def connections(postgres: Service) -> set[int]:
    """Return the database processes that serve the project."""
    query = "select pid from pg_stat_activity where application_name = %s"
    with psycopg.connect(postgres.url) as connection:
        rows = connection.execute(query, [APPLICATION_NAME]).fetchall()
    return {pid for (pid,) in rows}


def test_a_stopped_server_fails_the_heartbeat_until_it_is_back(
    client: httpx.Client, server: Server, postgres: Service, valkey: Service
) -> None:
    pending = {"check_migrations_applied": W001}
    assert probe(client) == (200, pending)
    with stopped(postgres):
        down = {"check_database_connected": E001, "check_migrations_applied": I001}
        assert probe(client) == (500, down)
        assert client.get("/__lbheartbeat__").status_code == 200
        assert client.get("/stream").text == "one two"
    assert probe(client) == (200, pending)
    with stopped(valkey):
        assert probe(client) == (500, {**pending, "check_redis_connected": E004})
    assert probe(client) == (200, pending)


def test_heartbeats_keep_no_connection_and_close_none_of_requests(
    client: httpx.Client, server: Server, postgres: Service
) -> None:
    # Enough requests for a connection in each thread of a worker.
    served_by = {int(client.get("/backend").text) for _ in range(8)}
    kept = connections(postgres)
    for _ in range(5):
        assert probe(client)[0] == 200
    assert kept <= served_by
    # Under ASGI, each request has a thread, whose connection is closed later.
    assert poll(lambda: connections(postgres) <= kept, ANSWERS_WITHIN)
    command: Any = server.process.args
    if "gunicorn" in command:
        assert connections(postgres) == kept
    if "sync" in command:
        assert int(client.get("/backend").text) in served_by


def test_each_request_leaves_one_summary_with_its_status(
    client: httpx.Client, server: Server
) -> None:
    asked = {
        "/backend": 200,
        "/boom": 500,
        "/stream": 200,
        "/missing": 404,
        "/__version__": 404,
        "/__error__": 500,
    }
    for path, code in asked.items():
        answer = client.get(path, headers={"X-Request-ID": f"id-of{path}"})
        assert answer.status_code == code

    def summaries() -> dict[str, Any]:
        told = [r for r in records(server.output()) if r["Type"] == "request.summary"]
        return {r["Fields"]["rid"]: r["Fields"] for r in told if "rid" in r["Fields"]}

    rids = {f"id-of{path}" for path in asked}
    assert poll(lambda: rids <= summaries().keys(), ANSWERS_WITHIN)
    codes = {path: summaries()[f"id-of{path}"]["code"] for path in asked}
    assert codes == asked
    assert summaries()["id-of/boom"]["error"] == "RuntimeError('boom')"
    django_s = [r for r in records(server.output()) if r["Type"] == "django.request"]
    assert {r["Fields"]["rid"] for r in django_s} >= {"id-of/boom", "id-of/missing"}
