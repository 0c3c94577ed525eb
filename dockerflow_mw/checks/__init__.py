"""Health checks: messages, results, the registry, built-in checks and running them."""

from dockerflow_mw.checks.builtin.database import (
    check_database_connected,
    database_connected,
)
from dockerflow_mw.checks.builtin.disk import disk_free
from dockerflow_mw.checks.builtin.http import http_reachable
from dockerflow_mw.checks.builtin.migrations import (
    check_migrations_applied,
    migrations_applied,
)
from dockerflow_mw.checks.builtin.network import port_open
from dockerflow_mw.checks.builtin.redis import check_redis_connected, redis_connected
from dockerflow_mw.checks.messages import (
    CRITICAL,
    DEBUG,
    ERROR,
    INFO,
    STATUSES,
    WARNING,
    CheckMessage,
    Critical,
    Debug,
    Error,
    Info,
    Warning,
    level_to_text,
)
from dockerflow_mw.checks.registry import (
    DuplicateCheckError,
    Registry,
    UnknownCheckError,
    clear_checks,
    default_registry,
    get_checks,
    register,
    register_partial,
    run_checks,
    run_checks_async,
)
from dockerflow_mw.checks.results import CheckResult, ChecksResults

__all__ = [
    "CRITICAL",
    "DEBUG",
    "ERROR",
    "INFO",
    "STATUSES",
    "WARNING",
    "CheckMessage",
    "CheckResult",
    "ChecksResults",
    "Critical",
    "Debug",
    "DuplicateCheckError",
    "Error",
    "Info",
    "Registry",
    "UnknownCheckError",
    "Warning",
    "check_database_connected",
    "check_migrations_applied",
    "check_redis_connected",
    "clear_checks",
    "database_connected",
    "default_registry",
    "disk_free",
    "get_checks",
    "http_reachable",
    "level_to_text",
    "migrations_applied",
    "port_open",
    "redis_connected",
    "register",
    "register_partial",
    "run_checks",
    "run_checks_async",
]
