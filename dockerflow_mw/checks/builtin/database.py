"""Checks whether a database answers, through SQLAlchemy.

An ``AsyncEngine`` is used on the event loop of the server under ASGI, and on a private
event loop under WSGI. Its pool must not be used on another loop, too.

The check borrows a connection of the engine's pool and never disposes of an engine. If
the network drops packets, the check hangs until a sync driver gives up: set the
timeouts of the driver (``connect_timeout`` and ``tcp_user_timeout`` for PostgreSQL).

If all connections of the pool are in use, the check waits for ``pool_timeout``, which
is 30 seconds by default. Set it below the timeout of the check: then the check fails
with E009, and else it is late first.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from dockerflow_mw import health
from dockerflow_mw.checks.builtin.base import BuiltInCheck, Messages, Outcome
from dockerflow_mw.checks.builtin.engine import describe, query, resolve
from dockerflow_mw.checks.messages import Error

if TYPE_CHECKING:
    from sqlalchemy import Connection


def database_connected(engine: object) -> BuiltInCheck:
    """Return a check that a database answers.

    Args:
        engine: an ``Engine``, an ``AsyncEngine``, or an object with one of them as
            ``engine``. The ``db`` of Flask-SQLAlchemy has its engine in an application
            context only. The Flask extension and ``DockerflowMiddleware(app)`` run
            checks in one.

    Raises:
        TypeError: ``engine`` is none of these.
    """
    db = resolve(engine)
    check = functools.partial(check_database_connected, db)
    return BuiltInCheck("database_connected", check, *describe(db))


def check_database_connected(db: object) -> Outcome:
    """Check that a database answers; see `database_connected`.

    Returns:
        Messages; for an ``AsyncEngine``, a coroutine of messages.
    """
    return query(db, _select, _failure)


def _select(connection: Connection) -> Messages:
    from sqlalchemy import literal, select, table

    question = select(literal(1))
    if connection.dialect.name == "sqlite":
        # SQLite opens the file at the first read of a table.
        question = question.select_from(table("sqlite_master")).limit(1)
    connection.execute(question).all()
    return []


def _failure(error: Exception) -> Error:
    from sqlalchemy import exc

    text, identity = "The database driver failed", health.ERROR_DB_API_EXCEPTION
    hint = None
    if _is_connection_error(error):
        text = "The database cannot be reached"
        hint = "Check that the database runs and accepts connections."
    elif isinstance(error, exc.TimeoutError):
        text = "Every connection of the database pool is in use"
        identity = health.ERROR_SQLALCHEMY_EXCEPTION
        hint = "Raise pool_size or max_overflow, or find connections left open."
    elif isinstance(error, exc.SQLAlchemyError) and not isinstance(
        error, exc.DBAPIError
    ):
        text, identity = "The database failed", health.ERROR_SQLALCHEMY_EXCEPTION
    return Error(f"{text} ({type(error).__name__}).", id=identity, hint=hint, obj=error)


def _is_connection_error(error: Exception) -> bool:
    from sqlalchemy import exc

    if isinstance(error, exc.DBAPIError) and error.statement is None:
        # Without a statement, connecting failed: some drivers raise one class for all.
        return True
    return isinstance(error, (exc.OperationalError, exc.InterfaceError, OSError))
