"""The names of `dockerflow_mw.checks`, and a check that knows Sanic-Redis."""

from __future__ import annotations

from typing import Any

from sanic import Request

from dockerflow_mw import checks, health
from dockerflow_mw.checks import *  # noqa: F403  # python-dockerflow has the same names

__all__ = ["health"]
__all__ += checks.__all__


def check_redis_connected(redis_client: Any) -> Any:  # type: ignore[no-redef]  # a superset
    """Check that a Redis or Valkey server answers a ping.

    Args:
        redis_client: a client of redis-py, sync or asyncio, or a Sanic-Redis object,
            which makes its client when the application starts.

    Returns:
        Messages; for an asyncio client, a coroutine of messages.
    """
    return checks.check_redis_connected(_client_of(redis_client))


def _client_of(redis: Any) -> Any:
    if hasattr(redis, "ping") or not hasattr(redis, "config_name"):
        return redis
    # Up to version 0.5, Sanic-Redis names its client after its configuration.
    name = getattr(redis, "ctx_name", None) or redis.config_name.lower()
    return getattr(Request.get_current().app.ctx, name, None)
