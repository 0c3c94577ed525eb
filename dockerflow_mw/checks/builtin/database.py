"""Whether a database answers, through SQLAlchemy.

For an ``Engine``, an ``AsyncEngine`` or Flask-SQLAlchemy's ``db``::

    from dockerflow_mw import checks
    from dockerflow_mw.checks.builtin.database import database_connected

    checks.register(database_connected(engine))

An ``AsyncEngine`` is asked on the event loop of the server under ASGI, and on one of
this package's own under WSGI; its pool must not be used on another loop as well.

The check borrows a connection from the engine's pool and gives it back; it never
disposes of an engine. A sync driver cannot be interrupted: where the network swallows
packets, the check goes on behind the scenes until the driver gives up, so tell the
driver when (``connect_timeout`` and ``tcp_user_timeout`` for PostgreSQL).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from dockerflow_mw import health
from dockerflow_mw.checks.builtin.base import BuiltInCheck, Messages, Outcome
from dockerflow_mw.checks.builtin.engine import (
    describe,
    find_engine,
    misconfigured,
    query,
    query_async,
    resolve,
)
from dockerflow_mw.checks.messages import Error

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncEngine


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
    from sqlalchemy import Engine

    try:
        engine = find_engine(db)
    except (TypeError, RuntimeError) as error:
        return [misconfigured(error)]
    if not isinstance(engine, Engine):
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

    text, identity, hint = (
        "The database driver failed",
        health.ERROR_DB_API_EXCEPTION,
        "",
    )
    if isinstance(error, exc.TimeoutError):
        text = "Every connection of the database pool is in use"
        identity = health.ERROR_DATABASE_POOL_EXHAUSTED
        hint = "Raise pool_size or max_overflow, or look for connections not closed."
    elif _is_about_connecting(error):
        text = "The database cannot be reached"
        identity = health.ERROR_CANNOT_CONNECT_DATABASE
        hint = "See whether the database runs and takes connections."
    elif isinstance(error, exc.SQLAlchemyError):
        text, identity = "The database failed", health.ERROR_SQLALCHEMY_EXCEPTION
    return Error(
        f"{text} ({type(error).__name__}).", id=identity, hint=hint or None, obj=error
    )


def _is_about_connecting(error: Exception) -> bool:
    from sqlalchemy import exc

    if isinstance(error, exc.DBAPIError) and error.statement is None:
        # Some drivers have one class for all that can be wrong with a connection.
        return True
    return isinstance(error, (exc.OperationalError, exc.InterfaceError, OSError))
