"""The check for Redis, and all that it takes to write and register more.

::

    from dockerflow_mw.sanic import checks

    checks.register_partial(checks.check_redis_connected, redis)

The checks of the default registry are in the heartbeat of every application.
"""

from __future__ import annotations

from typing import Any

from sanic import Request

from dockerflow_mw import health
from dockerflow_mw.checks import (
    CRITICAL,
    DEBUG,
    ERROR,
    INFO,
    WARNING,
    CheckMessage,
    Critical,
    Debug,
    Error,
    Info,
    Warning,
    clear_checks,
    get_checks,
    level_to_text,
    register,
    register_partial,
    run_checks,
    run_checks_async,
)
from dockerflow_mw.checks import check_redis_connected as check_client_connected

__all__ = [
    "CRITICAL",
    "DEBUG",
    "ERROR",
    "INFO",
    "WARNING",
    "CheckMessage",
    "Critical",
    "Debug",
    "Error",
    "Info",
    "Warning",
    "check_redis_connected",
    "clear_checks",
    "get_checks",
    "health",
    "level_to_text",
    "register",
    "register_partial",
    "run_checks",
    "run_checks_async",
]


def check_redis_connected(redis_client: Any) -> Any:
    """Check that a Redis or Valkey server answers a ping.

    Args:
        redis_client: a client of redis-py, sync or asyncio, or Sanic-Redis's object,
            whose client comes into being when the application starts.

    Returns:
        Messages; of an asyncio client, a coroutine of messages.
    """
    return check_client_connected(_client_of(redis_client))


def _client_of(redis: Any) -> Any:
    if hasattr(redis, "ping"):
        return redis
    if hasattr(redis, "config_name"):
        name = getattr(redis, "ctx_name", None) or redis.config_name.lower()
        return getattr(Request.get_current().app.ctx, name, None)
    return redis
