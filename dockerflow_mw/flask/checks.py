"""The checks for Flask's extensions, and all that it takes to write and register more.

::

    from dockerflow_mw.flask import checks

    checks.register_partial(checks.check_database_connected, db)

The checks of the default registry are in the heartbeat of every application. All run
inside the application context, where Flask-SQLAlchemy knows its engine.
"""

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
    check_database_connected,
    check_migrations_applied,
    check_redis_connected,
    clear_checks,
    get_checks,
    level_to_text,
    register,
    register_partial,
    run_checks,
    run_checks_async,
)

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
    "check_database_connected",
    "check_migrations_applied",
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
