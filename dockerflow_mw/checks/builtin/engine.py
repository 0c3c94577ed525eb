"""Access to SQLAlchemy engines for the checks of databases and migrations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from dockerflow_mw import health
from dockerflow_mw.checks.builtin.base import (
    Messages,
    Outcome,
    async_timeout,
    describe_object,
)
from dockerflow_mw.checks.messages import CheckMessage, Error

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

Work: TypeAlias = "Callable[[Connection], Messages]"
Failure: TypeAlias = Callable[[Exception], CheckMessage]


def find_engine(db: object) -> Engine | AsyncEngine:
    """Return the engine of an object.

    Raises:
        TypeError: the object has no engine.
        RuntimeError: the object has an engine in an application context only.
    """
    from sqlalchemy import Engine

    found: Any
    for found in (db, getattr(db, "engine", None)):
        # Importing the class AsyncEngine fails without greenlet.
        if isinstance(getattr(found, "sync_engine", found), Engine):
            engine: Engine | AsyncEngine = found
            return engine
    message = (
        f"{type(db).__name__} is no database engine; it must be an SQLAlchemy Engine or"
        " AsyncEngine, or an object with one of them as its attribute engine."
    )
    raise TypeError(message)


def resolve(db: object) -> object:
    """Return the engine of an object, or the object if its engine is not known yet.

    Raises:
        TypeError: the object has no engine.
    """
    try:
        return find_engine(db)
    except RuntimeError:
        return db


def describe(db: object) -> tuple[str, object]:
    """Return the target of a check without credentials, and its URL for comparison."""
    from sqlalchemy import URL

    url = getattr(db, "url", None)
    if not isinstance(url, URL):
        return describe_object(db), None
    plain = URL.create(
        url.drivername, host=url.host, port=url.port, database=url.database
    )
    return plain.render_as_string(), url.set(password="")


def query(db: object, work: Work, failure: Failure) -> Outcome:
    """Return the messages of some work on a connection of the pool.

    Args:
        db: an engine, or an object with one.
        work: returns messages.
        failure: returns the message about an error of SQLAlchemy or of the driver.

    Returns:
        Messages; for an ``AsyncEngine``, a coroutine of messages.
    """
    from sqlalchemy import Engine
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = find_engine(db)
    except (TypeError, RuntimeError) as error:
        return [misconfigured(error)]
    except SQLAlchemyError as error:
        return [failure(error)]
    if isinstance(engine, Engine):
        return _query_sync(engine, work, failure)
    return _query_async(engine, work, failure)


def _query_sync(
    engine: Engine, work: Work, failure: Failure, retry: bool = True
) -> Messages:
    try:
        with engine.connect() as connection:
            return work(connection)
    except Exception as error:
        if not (retry and _is_stale(error)):
            return [failure(error)]
    return _query_sync(engine, work, failure, retry=False)


async def _query_async(
    engine: AsyncEngine, work: Work, failure: Failure, retry: bool = True
) -> Messages:
    try:
        async with async_timeout(), engine.connect() as connection:
            return await connection.run_sync(work)
    except Exception as error:
        if not (retry and _is_stale(error)):
            return [failure(error)]
    return await _query_async(engine, work, failure, retry=False)


def _is_stale(error: Exception) -> bool:
    # After a restart of the server, the first use of a pooled connection fails. The
    # next query of the application works.
    from sqlalchemy.exc import DBAPIError

    return isinstance(error, DBAPIError) and error.connection_invalidated


def misconfigured(error: Exception) -> Error:
    """Return the message about a check without an engine."""
    advice = "Pass an engine to the check."
    if isinstance(error, RuntimeError):
        # Flask-SQLAlchemy has its engine in an application context only.
        advice = "Make the check in an application context, or use dockerflow_mw.flask."
    return Error(
        f"There is no database engine ({type(error).__name__}). {advice}",
        id=health.ERROR_MISCONFIGURED_DATABASE,
        obj=error,
    )
