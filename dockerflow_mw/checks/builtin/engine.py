"""Finds SQLAlchemy engines and asks them, for the checks that look at databases."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from dockerflow_mw import health
from dockerflow_mw.checks.builtin.base import limited, nameless
from dockerflow_mw.checks.messages import Error

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Pool
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")

# How long a check waits for a connection of the pool to become free, in seconds; the
# pool's own timeout is half a minute, when nobody listens any more.
SLOT_WAIT = 1.0
SLOT_PAUSE = 0.01


def find_engine(db: object) -> Engine | AsyncEngine:
    """Find the engine of an object.

    Raises:
        TypeError: it has none.
        RuntimeError: it has none outside of an application context.
    """
    for engine in (db, getattr(db, "engine", None)):
        if _is_engine(engine):
            return engine
    message = (
        f"{type(db).__name__} is no database engine; it must be an SQLAlchemy Engine or"
        " AsyncEngine, or an object that has one as its attribute engine."
    )
    raise TypeError(message)


def _is_engine(value: Any) -> TypeGuard[Engine | AsyncEngine]:
    from sqlalchemy import Engine

    # An AsyncEngine, by its attribute: without greenlet, the class is not importable.
    return isinstance(value, Engine) or isinstance(
        getattr(value, "sync_engine", None), Engine
    )


def resolve(db: object) -> object:
    """Give the engine of an object, or the object where that cannot tell it yet.

    Raises:
        TypeError: it has none.
    """
    try:
        return find_engine(db)
    except RuntimeError:
        return db


def describe(db: object) -> tuple[str, str]:
    """Give the target of a check without credentials, and what else makes it one."""
    from sqlalchemy import URL

    url = getattr(db, "url", None)
    if not isinstance(url, URL):
        return nameless(db), ""
    plain = URL.create(
        url.drivername, host=url.host, port=url.port, database=url.database
    )
    other = (url.username, sorted(url.query.items()))
    return plain.render_as_string(), repr(other) if any(other) else ""


def query(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Do some work on a connection of the pool.

    Once more, where the connection turns out to be one that a server since restarted
    has forgotten: the application's next query would get on as well.

    Raises:
        sqlalchemy.exc.TimeoutError: all connections of the pool are in use.
        Exception: SQLAlchemy's or, from some drivers, the driver's.
    """
    from sqlalchemy.exc import DBAPIError

    try:
        return _query_once(engine, work)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    return _query_once(engine, work)


def _query_once(engine: Engine, work: Callable[[Connection], T]) -> T:
    for pause in _pauses(engine.pool):
        time.sleep(pause)
    with engine.connect() as connection:
        return work(connection)


async def query_async(engine: AsyncEngine, work: Callable[[Connection], T]) -> T:
    """Do some work on a connection of the pool; the async twin of `query`.

    Raises:
        TimeoutError: there is no answer for very long.
        Exception: as from `query`.
    """
    from sqlalchemy.exc import DBAPIError

    try:
        return await limited(_query_once_async(engine, work))
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    return await limited(_query_once_async(engine, work))


async def _query_once_async(engine: AsyncEngine, work: Callable[[Connection], T]) -> T:
    for pause in _pauses(engine.sync_engine.pool):
        await asyncio.sleep(pause)
    async with engine.connect() as connection:
        return await connection.run_sync(work)


def _pauses(pool: Pool) -> Iterator[float]:
    from sqlalchemy.exc import TimeoutError as PoolTimeoutError

    ends = time.monotonic() + SLOT_WAIT
    while _is_full(pool):
        if time.monotonic() >= ends:
            raise PoolTimeoutError(f"Pool exhausted: {pool.status()}")
        yield SLOT_PAUSE


def _is_full(pool: Any) -> bool:
    from sqlalchemy.pool import QueuePool

    if not isinstance(pool, QueuePool):
        return False
    # The limit has no public name; without it, the pool itself says when it is full.
    limit = getattr(pool, "_max_overflow", -1)
    return -1 < limit <= pool.overflow() and not pool.checkedin()


def misconfigured(error: Exception) -> Error:
    """Say that there is no engine to ask."""
    return Error(
        f"There is no database engine to check ({type(error).__name__}).",
        id=health.ERROR_MISCONFIGURED_DATABASE,
        hint="Give the check an engine; Flask-SQLAlchemy's is known in an application"
        " context only, so make the check in one.",
        obj=error,
    )
