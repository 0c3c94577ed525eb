"""Checks whether a Redis or Valkey server answers a ping.

The client is one of redis-py, sync or asyncio, of a single server, a cluster or a
master behind Sentinel, or an object with the same methods, such as that of Flask-Redis.

The check uses the client of the application and makes none. An asyncio client is used
on the event loop of the server under ASGI, and on a private event loop under WSGI. It
must not be used on another loop, too.

If the client exists only after the start of the application, as with Sanic-Redis,
register a function of your own instead::

    @application.check
    def cache():
        return check_redis_connected(app.ctx.redis)
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable
from typing import Any

from dockerflow_mw import health
from dockerflow_mw.checks.builtin.base import (
    BuiltInCheck,
    Messages,
    Outcome,
    async_timeout,
    describe_object,
)
from dockerflow_mw.checks.messages import Error

# Names, because the exceptions of redis-py and valkey-py have no common base class.
_REDIS = {"RedisError", "ValkeyError"}
_UNREACHABLE = {"OSError", "RedisClusterException", "ValkeyClusterException"}


def redis_connected(client: object) -> BuiltInCheck:
    """Return a check that a Redis or Valkey server answers a ping.

    Args:
        client: an object whose ``ping()`` returns a true value, or an awaitable of one.

    Raises:
        TypeError: ``client`` has no ``ping()`` and is no proxy.
    """
    # The client behind a proxy, such as Flask-Redis or a LocalProxy, may not exist yet.
    is_proxy = hasattr(type(client), "__getattr__")
    if not is_proxy and not callable(getattr(client, "ping", None)):
        message = (
            f"client is {type(client).__name__}; it must be a client of redis-py or"
            " another object with a method ping()."
        )
        raise TypeError(message)
    check = functools.partial(check_redis_connected, client)
    return BuiltInCheck("redis_connected", check, _describe(client))


def check_redis_connected(client: Any) -> Outcome:
    """Check that a Redis or Valkey server answers a ping; see `redis_connected`.

    Returns:
        Messages; for an asyncio client, a coroutine of messages.
    """
    if client is None:
        return [_error("There is no Redis client", health.ERROR_MISSING_REDIS_CLIENT)]
    try:
        ping = client.ping
    except (AttributeError, RuntimeError) as error:
        # A LocalProxy without an object raises RuntimeError.
        identity = health.ERROR_MISCONFIGURED_REDIS
        return [_error("The Redis client is not set up", identity, error)]
    try:
        answer = ping()
    except Exception as error:
        return [_failure(error)]
    return _check_async(answer) if inspect.isawaitable(answer) else _judge(answer)


async def _check_async(answer: Awaitable[object]) -> Messages:
    try:
        async with async_timeout():
            return _judge(await answer)
    except Exception as error:
        return [_failure(error)]


def _judge(answer: object) -> Messages:
    answers = [answer]
    if isinstance(answer, (dict, list)) and answer:
        # A cluster client may ask several nodes.
        answers = list(answer.values() if isinstance(answer, dict) else answer)
    if all(answers):
        return []
    return [_error("Redis does not answer a ping", health.ERROR_REDIS_PING_FAILED)]


def _failure(error: Exception) -> Error:
    names = {ancestor.__name__ for ancestor in type(error).__mro__}
    if names & _REDIS and "ConnectionError" not in names:
        return _error("Redis failed", health.ERROR_REDIS_EXCEPTION, error)
    if names & (_REDIS | _UNREACHABLE):
        identity = health.ERROR_CANNOT_CONNECT_REDIS
        return _error("Redis cannot be reached", identity, error)
    raise error


def _error(text: str, identity: str, error: Exception | None = None) -> Error:
    kind = f" ({type(error).__name__})" if error else ""
    return Error(f"{text}{kind}.", id=identity, obj=error)


def _describe(client: Any) -> str:
    """Return the address of a client without credentials, if it has a single one."""
    try:
        pool = client.connection_pool
        kwargs = pool.connection_kwargs
    except (AttributeError, RuntimeError):
        return describe_object(client)
    if hasattr(pool, "sentinel_manager"):
        # Sentinel chooses the server.
        return describe_object(client)
    server = f"{kwargs.get('host', 'localhost')}:{kwargs.get('port', 6379)}"
    return f"redis://{kwargs.get('path') or server}/{kwargs.get('db', 0)}"
