"""Django's checks as checks of the heartbeat.

System checks inspect code and settings, which do not change while a process lives. So
each one runs once, and again after it raised or ``DEBUG`` was switched.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import threading
from collections.abc import Container, Iterable, Iterator
from typing import Any

from asgiref.sync import async_to_sync, iscoroutinefunction
from django.conf import settings
from django.core.checks.registry import registry
from django.db import connections

from dockerflow_mw.checks.messages import CheckMessage
from dockerflow_mw.checks.registry import Check, CheckFunction, Registry
from dockerflow_mw.checks.results import messages_of
from dockerflow_mw.logging import log_safely

logger = logging.getLogger("dockerflow.django")

# System checks may not be thread-safe, so they run one at a time. After this number of
# seconds the next one starts nevertheless: a slow check must not make others late.
LOCK_TIMEOUT = 1.0
_lock = threading.Lock()

# The arguments that ``manage.py check`` passes.
_ARGUMENTS: dict[str, Any] = {"app_configs": None, "databases": None}


def is_on_event_loop() -> bool:
    """Return whether this thread runs an event loop, where Django refuses queries."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@contextlib.contextmanager
def closed_connections() -> Iterator[None]:
    """Close the database connections of this thread, unless it runs an event loop."""
    try:
        yield
    finally:
        if not is_on_event_loop():
            _close_all()


def _close_all() -> None:
    for connection in connections.all(initialized_only=True):
        try:
            connection.close()
            if connection.connection is not None:
                # Django does not close SQLite's databases in memory.
                connection.connection.close()
                connection.connection = None
        except Exception as error:
            text = "A check's connection to %s could not be closed."
            log_safely(logger, logging.WARNING, text, connection.alias, error=error)


def adapt(checks: Iterable[CheckFunction]) -> tuple[CheckFunction, ...]:
    """Return checks of Django's kind as checks without arguments, with unique names.

    The attribute ``__wrapped__`` is the original check.
    """
    named: dict[str, CheckFunction] = {}
    for check in checks:
        name = _unique_name(check, named)
        named[name] = _adapt(check, name)
    return tuple(named.values())


@functools.cache
def _adapt(check: CheckFunction, name: str) -> CheckFunction:
    # Cached: the registry logs the replacement of a function by a different one.
    @functools.wraps(check)
    def run() -> Any:
        with closed_connections():
            # On this thread, so that an async check opens its connections here.
            function = async_to_sync(check) if iscoroutinefunction(check) else check
            return function(**_ARGUMENTS)

    run.__name__ = name
    return run


def _unique_name(check: CheckFunction, taken: Container[str]) -> str:
    module, name = _origin(check)
    name = f"{module}.{name}" if name in taken else name
    while name in taken:
        name += "'"
    return name


def _origin(check: CheckFunction) -> tuple[str, str]:
    return str(check.__module__), str(getattr(check, "__name__", type(check).__name__))


class SystemChecks(Registry):
    """A registry of another registry's checks and of Django's system checks.

    Args:
        registered: the other registry. Its checks keep their names.
    """

    def __init__(self, registered: Registry) -> None:
        super().__init__(parent=registered)
        self._once = functools.cache(_once)

    def checks(self) -> dict[str, Check]:
        """Return the registered checks by name, followed by the system checks."""
        named = super().checks()
        adapted = [getattr(c.function, "__wrapped__", None) for c in named.values()]
        debug = bool(settings.DEBUG)
        # Sorted: Django keeps its checks in sets.
        for function in sorted(registry.get_checks(not debug), key=_origin):
            if function not in adapted:
                name = _unique_name(function, named)
                named[name] = Check(name, self._once(function, debug))
        return named


def _once(function: CheckFunction, debug: bool) -> CheckFunction:  # noqa: ARG001 - a key of the cache
    # `functools.cache` keeps no exception: its cause may be gone at the next probe.
    @functools.cache
    def run() -> tuple[CheckMessage, ...]:
        locked = _lock.acquire(timeout=LOCK_TIMEOUT)
        try:
            return messages_of(function(**_ARGUMENTS))
        finally:
            if locked:
                _lock.release()

    return run
