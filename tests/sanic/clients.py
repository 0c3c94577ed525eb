"""Redis clients with short timeouts, and Sanic-Redis objects."""

from __future__ import annotations

import inspect
from typing import Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sanic_redis import SanicRedis

OPTIONS: dict[str, Any] = {"socket_timeout": 2, "retry": Retry(NoBackoff(), 0)}


def asyncio_client(app: Any, url: str) -> Any:
    """Return a client of redis.asyncio."""
    return redis.asyncio.Redis.from_url(url, **OPTIONS)


def sanic_redis(app: Any, url: str) -> Any:
    """Return a Sanic-Redis object under its own name."""
    return _object(app, url)


def named_sanic_redis(app: Any, url: str) -> Any:
    """Return a Sanic-Redis object under another name."""
    return _object(app, url, "cache")


def _object(app: Any, url: str, name: str = "redis") -> Any:
    kind: Any = SanicRedis
    if "from_url_kwargs" in inspect.signature(kind).parameters:
        return kind(app, redis_url=url, ctx_name=name, from_url_kwargs=OPTIONS)
    # Up to version 0.5, whose clients never retry.
    return kind(app, config_name=name.upper(), redis_url=f"{url}?socket_timeout=2")
