"""The check for Redis, with a real server and current clients."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sanic_redis import SanicRedis

from dockerflow_mw.sanic import Dockerflow
from tests import services
from tests.sanic.clients import asyncio_client, named_sanic_redis, sanic_redis
from tests.sanic.door import Asked, make_app
from tests.servers import free_port


def messages(asked: Asked) -> tuple[int, list[str]]:
    """Return the status of a heartbeat and the ids of its messages."""
    answer = asked.ask("/__heartbeat__")
    details = json.loads(answer.body)["details"].values()
    return answer.status, [i for detail in details for i in detail["messages"]]


CLIENTS = [asyncio_client, sanic_redis, named_sanic_redis]


@pytest.mark.parametrize("make", CLIENTS)
def test_the_check_follows_redis(make: Any, valkey: services.Service) -> None:
    app = make_app()
    Dockerflow(app, redis=make(app, valkey.url))
    asked = Asked(app)
    assert messages(asked) == (200, [])
    with services.stopped(valkey):
        assert messages(asked) == (500, ["dockerflow.health.E004"])
    assert messages(asked) == (200, [])


@pytest.mark.parametrize("make", CLIENTS)
def test_other_checks_run_while_redis_is_down(make: Any) -> None:
    app = make_app()
    url = f"redis://:hunter2@127.0.0.1:{free_port()}/0"
    dockerflow = Dockerflow(app, redis=make(app, url))
    dockerflow.check(lambda: None, name="fine")
    answer = Asked(app).ask("/__heartbeat__")
    assert json.loads(answer.body)["checks"] == {
        "check_redis_connected": "error",
        "fine": "ok",
    }
    assert b"hunter2" not in answer.body


def test_an_object_without_a_client_fails_the_check() -> None:
    app = make_app()
    Dockerflow(app, redis=SanicRedis())
    assert messages(Asked(app)) == (500, ["dockerflow.health.E005"])


class OldSanicRedis:
    """An object like that of Sanic-Redis up to version 0.5."""

    def __init__(self, app: Any, url: str) -> None:
        self.config_name = "REDIS"

        @app.before_server_start
        async def configure(app: Any) -> None:
            app.ctx.redis = asyncio_client(app, url)


def test_the_check_takes_an_object_of_sanic_redis_0_5(valkey: services.Service) -> None:
    app = make_app()
    Dockerflow(app, redis=OldSanicRedis(app, valkey.url))
    assert messages(Asked(app)) == (200, [])


def test_an_object_of_another_type_fails_the_check() -> None:
    app = make_app()
    Dockerflow(app, redis=object())
    assert messages(Asked(app)) == (500, ["dockerflow.health.E006"])
