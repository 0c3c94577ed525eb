"""Health checks: what they say, where they are registered, how they are run."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dockerflow_mw.checks.messages import (
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
)

if TYPE_CHECKING:
    from dockerflow_mw.checks.builtin import (
        check_database_connected,
        check_migrations_applied,
        check_redis_connected,
        database_connected,
        disk_free,
        http_reachable,
        migrations_applied,
        port_open,
        redis_connected,
    )
    from dockerflow_mw.checks.results import CheckResult, ChecksResults
    from dockerflow_mw.checks.runner import run_checks, run_checks_async

__all__ = [
    "CRITICAL",
    "DEBUG",
    "ERROR",
    "INFO",
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


# Who registers checks and serves nothing runs none, and most of the built-in ones no
# process ever uses; so the names of both are imported when they are asked for.
_MODULES = {
    "CheckResult": "results",
    "ChecksResults": "results",
    "run_checks": "runner",
    "run_checks_async": "runner",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(f"{__name__}.{_MODULES.get(name, 'builtin')}")
        globals()[name] = getattr(module, name)
        return globals()[name]

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
