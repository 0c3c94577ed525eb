"""The ids of the messages of the checks that both packages have."""

from __future__ import annotations

import asyncio
import importlib
import json
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flask
import pytest
import redis
from redis.backoff import NoBackoff
from redis.exceptions import ClusterDownError, TimeoutError
from redis.retry import Retry

from tests.checks.builtin.test_migrations import Scripts
from tests.compat.rows.isolated import BOTH, isolated
from tests.compat.rows.pooled import Pooled

UNREACHABLE = "sqlite:////no/such/folder/app.db"


def _ids(messages: list[Any]) -> list[str]:
    return [message.id.removeprefix("dockerflow.health.") for message in messages]


class Misspelt:
    """A database object whose engine cannot be made."""

    @property
    def engine(self) -> Any:
        from sqlalchemy import create_engine

        return create_engine("postgres//no.url")


def database_ids(package: str) -> dict[str, list[str]]:
    """Return the ids of the messages about databases, by fault."""
    from sqlalchemy import QueuePool, create_engine

    check = importlib.import_module(f"{package}.flask.checks").check_database_connected
    with tempfile.TemporaryDirectory() as folder:
        good = f"sqlite:///{folder}/app.db"
        options: Any = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0}
        exhausted = create_engine(good, pool_timeout=0.01, **options)
        engines = {
            "fine": create_engine(good),
            "no connection": create_engine(UNREACHABLE),
            "no server": create_engine("postgresql+psycopg://u@127.0.0.1:1/app"),
            "no free connection": exhausted,
        }
        with exhausted.connect():
            databases = {n: SimpleNamespace(engine=e) for n, e in engines.items()}
            databases["no engine"] = Misspelt()  # type: ignore[assignment]
            return {name: _ids(check(db)) for name, db in databases.items()}


@pytest.mark.parametrize("package", BOTH)
def test_c08_ids_of_the_database_check(package: str) -> None:
    assert isolated(database_ids, package) == {
        "fine": [],
        "no connection": ["E008"],
        "no server": ["E008"],
        "no free connection": ["E009"],
        "no engine": ["E009"],
    }


def migration_ids(package: str) -> dict[str, list[str]]:
    """Return the ids of the messages about migrations, by fault."""
    Migrate = importlib.import_module("flask_migrate").Migrate
    from flask_sqlalchemy import SQLAlchemy

    check = importlib.import_module(f"{package}.flask.checks").check_migrations_applied
    with tempfile.TemporaryDirectory() as folder:
        scripts = Scripts(Path(folder, "migrations"))
        scripts.add("a1")
        Path(folder, "migrations", "alembic.ini").write_text("[alembic]\n")

        def found(url: str, *, upgraded: bool = False) -> list[str]:
            app = flask.Flask("app")
            app.config["SQLALCHEMY_DATABASE_URI"] = url
            db = SQLAlchemy(app)
            migrate = Migrate(app, db, directory=str(scripts.folder))
            with app.app_context():
                if upgraded:
                    scripts.upgrade(db.engine)
                return _ids(check(migrate))

        good = f"sqlite:///{folder}/app.db"
        return {
            "no connection": found(UNREACHABLE),
            "behind": found(good),
            "fine": found(good, upgraded=True),
        }


@pytest.mark.parametrize("package", BOTH)
def test_c08_ids_of_the_migrations_check(package: str) -> None:
    expected = {"no connection": ["I001"], "behind": ["W001"], "fine": []}
    assert isolated(migration_ids, package) == expected


class Client:
    """A Redis client, or a Sanic-Redis object, that answers a ping with a value.

    An exception is raised.
    """

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def ping(self) -> object:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class SanicRedis(Pooled, Client):
    """The same for Sanic."""

    async def ping(self) -> object:
        return super().ping()


ANSWERS: dict[str, Any] = {
    "fine": b"PONG",
    "refused": redis.ConnectionError("refused"),
    "wrong password": redis.AuthenticationError("wrong"),
    "loading": redis.BusyLoadingError("loading"),
    "timeout": TimeoutError("timeout"),
    "cluster down": ClusterDownError("down"),
    "wrong command": redis.ResponseError("wrong"),
    "no pong": b"",
}

REDIS_IDS = {
    "fine": [],
    "refused": ["E004"],
    "wrong password": ["E004"],
    "loading": ["E004"],
    "timeout": ["E010"],
    "cluster down": ["E010"],
    "wrong command": ["E010"],
    "no pong": ["E007"],
}


def redis_ids(package: str) -> dict[str, list[str]]:
    """Return the ids of the messages about Redis in Flask, by fault."""
    check = importlib.import_module(f"{package}.flask.checks").check_redis_connected
    nowhere = redis.Redis(port=1, retry=Retry(NoBackoff(), 0))
    found = {name: _ids(check(Client(answer))) for name, answer in ANSWERS.items()}
    return {**found, "no server": _ids(check(nowhere))}


def sanic_redis_ids(package: str) -> dict[str, list[str]]:
    """Return the ids of the messages about Redis in Sanic, by fault."""
    check = importlib.import_module(f"{package}.sanic.checks").check_redis_connected
    return {
        name: _ids(asyncio.run(check(SanicRedis(answer))))
        for name, answer in ANSWERS.items()
    }


@pytest.mark.parametrize("package", BOTH)
def test_c08_ids_of_the_redis_check(package: str) -> None:
    assert isolated(redis_ids, package) == {**REDIS_IDS, "no server": ["E004"]}
    assert isolated(sanic_redis_ids, package) == REDIS_IDS


def silenced(package: str) -> list[Any]:
    """Return the heartbeat of a service whose database is down."""
    from flask_sqlalchemy import SQLAlchemy

    app = flask.Flask("app")
    app.config["SQLALCHEMY_DATABASE_URI"] = UNREACHABLE
    extension = importlib.import_module(f"{package}.flask").Dockerflow
    dockerflow = extension(app, db=SQLAlchemy(app))
    seen = []
    for ids in ([], ["dockerflow.health.E008"]):
        dockerflow.silenced_checks = ids
        answer = app.test_client().get("/__heartbeat__")
        seen.append([answer.status_code, json.loads(answer.data)["checks"]])
    return seen


@pytest.mark.parametrize("package", BOTH)
def test_c08_a_database_that_is_down_can_be_silenced(package: str) -> None:
    name = "check_database_connected"
    assert isolated(silenced, package) == [[500, {name: "error"}], [200, {name: "ok"}]]
