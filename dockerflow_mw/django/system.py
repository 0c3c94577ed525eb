"""Django's checks in the heartbeat, and the checks of the heartbeat in Django.

System checks inspect code and settings, which do not change while a process lives. So
each one runs once, and again after it raised or ``DEBUG`` was switched.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import logging
import threading
from collections.abc import Container, Iterable, Iterator
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.core.checks import CheckMessage as DjangoMessage
from django.core.checks.registry import registry
from django.db import connections

from dockerflow_mw.checks.log import StateLog
from dockerflow_mw.checks.messages import CheckMessage
from dockerflow_mw.checks.registry import (
    Check,
    CheckFunction,
    Registry,
    default_registry,
)
from dockerflow_mw.checks.results import messages_of
from dockerflow_mw.checks.runner import Runner
from dockerflow_mw.logging import log_safely
from dockerflow_mw.settings import Settings, SettingsError

logger = logging.getLogger("dockerflow.django")

# System checks may not be thread-safe, so they run one at a time. After this number of
# seconds the next one starts nevertheless: a slow check must not make others late.
LOCK_TIMEOUT = 1.0
_lock = threading.Lock()

# The arguments that ``manage.py check`` passes.
_ARGUMENTS: dict[str, Any] = {"app_configs": None, "databases": None}

TAG = "dockerflow"
"""The tag of the heartbeat's checks in Django's registry."""


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
    """Return checks as checks without arguments, with unique names.

    The attribute ``__wrapped__`` is the original check. It gets Django's arguments, as
    far as it accepts them.

    Raises:
        dockerflow_mw.settings.SettingsError: a check needs other arguments.
    """
    named: dict[str, CheckFunction] = {}
    for check in checks:
        name = _unique_name(check, named)
        named[name] = _adapt(check, name)
    return tuple(named.values())


# Cached: the registry logs the replacement of a function by a different one.
@functools.cache
def _adapt(check: CheckFunction, name: str) -> CheckFunction:
    arguments = _accepted_arguments(check)

    def run() -> Any:
        with closed_connections():
            return check(**arguments)

    async def arun() -> Any:
        try:
            return await check(**arguments)
        finally:
            # On the thread that Django uses for the queries of this check.
            await sync_to_async(_close_all)()

    adapted: CheckFunction = arun if iscoroutinefunction(check) else run
    functools.update_wrapper(adapted, check)
    adapted.__name__ = name
    return adapted


def _accepted_arguments(check: CheckFunction) -> dict[str, Any]:
    signature = inspect.signature(check)
    accepted = {
        name: value
        for name, value in _ARGUMENTS.items()
        if name in signature.parameters or _accepts_kwargs(check)
    }
    try:
        signature.bind(**accepted)
    except TypeError as error:
        message = (
            f"DOCKERFLOW_CHECKS has {'.'.join(_origin(check))}, which cannot be called"
            f" ({error}); a check takes no arguments, or those of Django's checks."
        )
        raise SettingsError(message) from error
    return accepted


def _accepts_kwargs(check: CheckFunction) -> bool:
    parameters = inspect.signature(check).parameters.values()
    return any(p.kind is p.VAR_KEYWORD for p in parameters)


def is_of_django(check: CheckFunction) -> bool:
    """Return whether Django can call a check: it is sync and accepts ``**kwargs``."""
    return _accepts_kwargs(check) and not iscoroutinefunction(check)


def check_others(app_configs: Any = None, **kwargs: Any) -> list[Any]:  # noqa: ARG001 - Django's
    """Run the heartbeat's checks that are not in Django's registry.

    Returns:
        Django's messages, each with the name of its check as the object.
    """
    theirs = registry.get_checks(include_deployment_checks=True)
    named = default_registry.get_checks().items()
    others = [
        Check(n, f) for n, f in named if getattr(f, "__wrapped__", f) not in theirs
    ]
    results, log = Runner(Settings()).run(others), StateLog(repeat_seconds=0)
    for result in results:
        # The message for an exception says that the log has the traceback.
        log.write(result)
    return [
        DjangoMessage(m.level, m.msg, m.hint, result.name, m.id)
        for result in results
        for m in result.messages
    ]


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
            if function not in [*adapted, check_others]:
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
