"""Built-in checks of common services, each usable in one line.

Importing these modules imports none of the client libraries.
"""

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

__all__ = [
    "check_database_connected",
    "check_migrations_applied",
    "check_redis_connected",
    "database_connected",
    "disk_free",
    "http_reachable",
    "migrations_applied",
    "port_open",
    "redis_connected",
]
