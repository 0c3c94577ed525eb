"""Health checks: what they say, where they are registered, how they are run."""

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
    "clear_checks",
    "default_registry",
    "get_checks",
    "level_to_text",
    "register",
    "register_partial",
    "run_checks",
    "run_checks_async",
]
