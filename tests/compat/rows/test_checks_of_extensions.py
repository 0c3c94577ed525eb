"""The checks that an extension registers for its ``db``, ``redis`` and ``migrate``."""

from __future__ import annotations

import asyncio
import importlib
import json
from typing import Any

import flask
import pytest
from sanic import Sanic

from tests.compat.rows.isolated import BOTH, OURS, isolated
from tests.compat.rows.pooled import Pooled
from tests.sanic.door import Asked, Quiet

DATABASE = "check_database_connected"
REDIS = "check_redis_connected"


class Redis:
    """A Redis client that counts its pings."""

    def __init__(self) -> None:
        self.pings = 0

    def ping(self) -> bool:
        self.pings += 1
        return True


class SanicRedis(Pooled):
    """An object with the parts of Sanic-Redis that both packages use."""

    async def ping(self) -> bytes:
        return b"PONG"


def later(client: Redis) -> list[Any]:
    """Return the messages of a check that an application adds."""
    assert client.ping()
    return []


def _heartbeat(app: flask.Flask) -> Any:
    return json.loads(app.test_client().get("/__heartbeat__").data)["checks"]


def in_flask(package: str) -> list[Any]:
    """Return the checks of an extension: listed, run, in the heartbeat, and cleared."""
    from flask_sqlalchemy import SQLAlchemy

    checks = importlib.import_module(f"{package}.checks")
    app = flask.Flask("app")
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    extension = importlib.import_module(f"{package}.flask").Dockerflow
    dockerflow = extension(app, db=SQLAlchemy(app), redis=Redis())
    dockerflow.init_check(later, Redis())
    listed = list(checks.get_checks())
    with app.app_context():
        statuses = checks.run_checks(checks.get_checks().items()).statuses
    before = _heartbeat(app)
    checks.clear_checks()
    after = _heartbeat(app)
    return [listed, statuses, before, after, list(checks.get_checks())]


@pytest.mark.parametrize("package", BOTH)
def test_c06_flask_lists_runs_and_clears_the_checks(package: str) -> None:
    ok = {DATABASE: "ok", REDIS: "ok", "later": "ok"}
    assert isolated(in_flask, package) == [list(ok), ok, ok, {}, []]


def in_sanic(package: str) -> list[Any]:
    """Return the checks of an extension: listed, run, in the heartbeat, and cleared."""
    checks = importlib.import_module(f"{package}.checks")
    app: Any = Sanic("app", configure_logging=False, error_handler=Quiet())
    app.config.update({"TOUCHUP": False, "MOTD": False})
    importlib.import_module(f"{package}.sanic").Dockerflow(app, redis=SanicRedis())
    listed = list(checks.get_checks())
    pairs = checks.get_checks().items()
    statuses = asyncio.run(checks.run_checks_async(pairs)).statuses
    service = Asked(app)
    before = json.loads(service.ask("/__heartbeat__").body)["checks"]
    checks.clear_checks()
    after = json.loads(service.ask("/__heartbeat__").body)["checks"]
    return [listed, statuses, before, after, list(checks.get_checks())]


@pytest.mark.parametrize("package", BOTH)
def test_c06_sanic_lists_runs_and_clears_the_checks(package: str) -> None:
    ok = {REDIS: "ok"}
    assert isolated(in_sanic, package) == [[REDIS], ok, ok, {}, []]


def listed_of_two(package: str) -> list[int]:
    """Return the pings of the clients of two applications after all checks ran."""
    checks = importlib.import_module(f"{package}.checks")
    extension = importlib.import_module(f"{package}.flask").Dockerflow
    clients = [Redis(), Redis()]
    for client in clients:
        extension(flask.Flask("app"), redis=client)
    checks.run_checks(checks.get_checks().items())
    return [client.pings for client in clients]


@pytest.mark.parametrize("package", BOTH)
def test_c06_the_later_application_is_listed(package: str) -> None:
    assert isolated(listed_of_two, package) == [0, 1]


def heartbeats_of_two(package: str) -> list[int]:
    """Return the pings of the clients of two applications after one heartbeat."""
    extension = importlib.import_module(f"{package}.flask").Dockerflow
    apps, clients = [flask.Flask("one"), flask.Flask("two")], [Redis(), Redis()]
    for app, client in zip(apps, clients, strict=True):
        extension(app, redis=client)
    apps[0].test_client().get("/__heartbeat__")
    return [client.pings for client in clients]


def test_c06_two_applications_stay_apart() -> None:
    assert isolated(heartbeats_of_two, OURS) == [1, 0]
