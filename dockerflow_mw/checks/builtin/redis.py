"""Whether a Redis or Valkey server answers a ping.

For a client of redis-py, sync or asyncio, of a single server, a cluster or a master
behind Sentinel, or for what passes as one, such as Flask-Redis's object::

    from dockerflow_mw import checks
    from dockerflow_mw.checks.builtin.redis import redis_connected

    checks.register(redis_connected(client))

It is the application's client that is asked, none is made for a probe. One of asyncio
is asked on the event loop of the server under ASGI, and on one of this package's own
under WSGI; it must not be used on another loop as well.

Where a client comes into being only when the application starts, as with Sanic-Redis,
register a function of your own instead::

    @application.check
    def cache():
        return check_redis_connected(app.ctx.redis)
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Mapping
from typing import Any

from dockerflow_mw import health
from dockerflow_mw.checks.builtin.base import (
    BuiltInCheck,
    Messages,
    Outcome,
    limited,
    nameless,
)
from dockerflow_mw.checks.messages import Error

# By name, because the classes of redis-py, valkey-py and Python share no ancestor that
# would tell them from other exceptions.
_UNREACHABLE = {
    "ClusterDownError",
    "ConnectionError",
    "OSError",
    "RedisClusterException",
    "TimeoutError",
    "ValkeyClusterException",
}
_REDIS = {"RedisError", "ValkeyError"}


def redis_connected(client: object) -> BuiltInCheck:
    """Make the check that a Redis or Valkey server answers a ping.

    Args:
        client: an object whose ``ping()`` gives a true value, or an awaitable of one.

    Raises:
        TypeError: it has no ``ping()`` and is no stand-in for what has one.
    """
    # A stand-in, as Flask-Redis's object or a LocalProxy, may have no client yet.
    stands_in = hasattr(type(client), "__getattr__")
    if not stands_in and not callable(getattr(client, "ping", None)):
        message = (
            f"client is {type(client).__name__}; it must be a client of redis-py or"
            " another object with a method ping()."
        )
        raise TypeError(message)
    ask = functools.partial(check_redis_connected, client)
    return BuiltInCheck("redis_connected", ask, _describe(client))


def check_redis_connected(client: Any) -> Outcome:
    """Check that a Redis or Valkey server answers a ping; see `redis_connected`.

    Returns:
        Messages; of an asyncio client, a coroutine of messages.
    """
    if client is None:
        return [_error("There is no Redis client", health.ERROR_MISSING_REDIS_CLIENT)]
    try:
        ping = client.ping
    except (AttributeError, RuntimeError) as error:
        # A RuntimeError is a LocalProxy's way to say that it stands for nothing.
        identity = health.ERROR_MISCONFIGURED_REDIS
        return [_error("The Redis client is not set up", identity, error)]
    try:
        pong = ping()
    except Exception as error:
        return [_failure(error)]
    return _check_async(pong) if inspect.isawaitable(pong) else _judge(pong)


async def _check_async(ping: Awaitable[object]) -> Messages:
    try:
        return _judge(await limited(ping))
    except Exception as error:
        return [_failure(error)]


def _judge(pong: object) -> Messages:
    answers = [pong]
    if isinstance(pong, (dict, list)) and pong:
        # From a cluster that was asked to ask several of its nodes.
        answers = list(pong.values() if isinstance(pong, dict) else pong)
    if all(answers):
        return []
    return [_error("Redis does not answer a ping", health.ERROR_REDIS_PING_FAILED)]


def _failure(error: Exception) -> Error:
    names = {ancestor.__name__ for ancestor in type(error).__mro__}
    if names & _UNREACHABLE:
        identity = health.ERROR_CANNOT_CONNECT_REDIS
        return _error("Redis cannot be reached", identity, error)
    if names & _REDIS:
        return _error("Redis failed", health.ERROR_REDIS_EXCEPTION, error)
    raise error


def _error(text: str, identity: str, error: Exception | None = None) -> Error:
    kind = f" ({type(error).__name__})" if error else ""
    return Error(f"{text}{kind}.", id=identity, obj=error)


def _describe(client: Any) -> str:
    """Give the target of a check, without credentials."""
    try:
        pool = getattr(client, "connection_pool", None)
        if pool is None:
            nodes = sorted(client.nodes_manager.startup_nodes)
            return f"the cluster of {', '.join(nodes)}"
        if not hasattr(pool, "sentinel_manager"):
            return _address(pool.connection_kwargs)
        guards = [
            _address(guard.connection_pool.connection_kwargs)
            for guard in pool.sentinel_manager.sentinels
        ]
        database = pool.connection_kwargs.get("db", 0)
        return f"{pool.service_name}/{database} behind {', '.join(sorted(guards))}"
    except (AttributeError, RuntimeError, TypeError):
        return nameless(client)


def _address(kwargs: Mapping[str, Any]) -> str:
    server = f"{kwargs.get('host', 'localhost')}:{kwargs.get('port', 6379)}"
    return f"redis://{kwargs.get('path') or server}/{kwargs.get('db', 0)}"
