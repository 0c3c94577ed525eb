"""Whether a database answers, through SQLAlchemy.

For an ``Engine``, an ``AsyncEngine`` or Flask-SQLAlchemy's ``db``::

    from dockerflow_mw import checks
    from dockerflow_mw.checks.database import database_connected

    checks.register(database_connected(engine))

The check borrows a connection from the engine's pool and gives it back; it never
disposes of an engine. A sync driver cannot be interrupted: where the network swallows
packets, the check goes on behind the scenes until the driver gives up, so tell the
driver when (``connect_timeout`` and ``tcp_user_timeout`` for PostgreSQL).
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from dockerflow_mw import health
from dockerflow_mw.checks.builtin import (
    BuiltInCheck,
    Messages,
    Outcome,
    limited,
    nameless,
)
from dockerflow_mw.checks.messages import Error

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine, Pool
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")

# How long a check waits for a connection of the pool to become free, in seconds; the
# pool's own timeout is half a minute, when nobody listens any more.
SLOT_WAIT = 1.0
SLOT_PAUSE = 0.01


def database_connected(engine: object) -> BuiltInCheck:
    """Make the check that a database answers.

    Args:
        engine: an ``Engine``, an ``AsyncEngine``, or an object that has one as
            ``engine``, as Flask-SQLAlchemy's. The latter knows its engine only in an
            application context: make the check in one.

    Raises:
        TypeError: it is none of these.
    """
    db = resolve(engine)
    ask = functools.partial(check_database_connected, db)
    return BuiltInCheck("database_connected", ask, *describe(db))


def check_database_connected(db: object) -> Outcome:
    """Check that a database answers; see `database_connected`.

    Returns:
        Messages; of an ``AsyncEngine``, a coroutine of messages.
    """
    try:
        engine = find_engine(db)
    except (TypeError, RuntimeError) as error:
        return [misconfigured(error)]
    if is_async(engine):
        return _check_async(engine)
    try:
        query(engine, _answer)
    except Exception as error:
        return [_failure(error)]
    return []


async def _check_async(engine: AsyncEngine) -> Messages:
    try:
        await query_async(engine, _answer)
    except Exception as error:
        return [_failure(error)]
    return []


def _answer(connection: Connection) -> None:
    from sqlalchemy import literal, select, table

    question = select(literal(1))
    if connection.dialect.name == "sqlite":
        # SQLite does not open its file before the first read, which this one is.
        question = question.select_from(table("sqlite_master")).limit(1)
    connection.execute(question).all()


def _failure(error: Exception) -> Error:
    from sqlalchemy import exc

    text, identity, hint = "The database driver failed", health.ERROR_DB_API_EXCEPTION, ""
    if isinstance(error, exc.TimeoutError):
        text = "Every connection of the database pool is in use"
        identity = health.ERROR_DATABASE_POOL_EXHAUSTED
        hint = "Raise pool_size or max_overflow, or look for connections not closed."
    elif isinstance(error, (exc.OperationalError, exc.InterfaceError, OSError)):
        text = "The database cannot be reached"
        identity = health.ERROR_CANNOT_CONNECT_DATABASE
        hint = "See whether the database runs and takes connections."
    elif isinstance(error, exc.SQLAlchemyError):
        text, identity = "The database failed", health.ERROR_SQLALCHEMY_EXCEPTION
    return Error(
        f"{text} ({type(error).__name__}).", id=identity, hint=hint or None, obj=error
    )


def misconfigured(error: Exception) -> Error:
    """Say that there is no engine to ask."""
    return Error(
        f"There is no database engine to check ({type(error).__name__}).",
        id=health.ERROR_MISCONFIGURED_DATABASE,
        hint="Give the check an engine; Flask-SQLAlchemy's is known in an application"
        " context only, so make the check in one.",
        obj=error,
    )


def is_async(engine: Any) -> TypeGuard[AsyncEngine]:
    """Tell whether an engine is an ``AsyncEngine``, without importing that class."""
    from sqlalchemy import Engine

    # By its attribute: where greenlet is not installed, the class is not importable.
    return isinstance(getattr(engine, "sync_engine", None), Engine)


def find_engine(db: object) -> Engine | AsyncEngine:
    """Find the engine of an object.

    Raises:
        TypeError: it has none.
        RuntimeError: it has none outside of an application context.
    """
    from sqlalchemy import Engine

    if isinstance(db, Engine) or is_async(db):
        return db
    engine = getattr(db, "engine", None)
    if isinstance(engine, Engine) or is_async(engine):
        return engine
    message = (
        f"{type(db).__name__} is no database engine; it must be an SQLAlchemy Engine or"
        " AsyncEngine, or an object that has one as its attribute engine."
    )
    raise TypeError(message)


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
    url: URL | None = getattr(db, "url", None)
    if url is None:
        return nameless(db), ""
    plain = url.set(username=None, password=None, query={})
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
