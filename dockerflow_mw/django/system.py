"""Django's system checks in the heartbeat, and the heartbeat's checks in Django."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
from collections.abc import Iterable, Iterator
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.core.checks import CheckMessage
from django.core.checks.registry import registry
from django.db import connections

from dockerflow_mw.checks import Registry, default_registry
from dockerflow_mw.checks.log import log_messages
from dockerflow_mw.checks.origin import place
from dockerflow_mw.checks.registry import Check, CheckFunction
from dockerflow_mw.checks.runner import Runner
from dockerflow_mw.logging.encoding import free_name
from dockerflow_mw.settings import Settings, SettingsError

# The arguments that ``manage.py check`` passes. A check may accept a part of them.
_ARGUMENTS = ("app_configs", "databases"), ("app_configs",), ("databases",), ()


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
        connection.close()
        if connection.connection is not None:
            # Django does not close SQLite's databases in memory.
            connection.connection.close()
            connection.connection = None


def adapt(checks: Iterable[CheckFunction]) -> tuple[CheckFunction, ...]:
    """Return checks as checks without arguments, with unique names.

    The attribute ``__wrapped__`` is the original check. It gets Django's arguments, as
    far as it accepts them.

    Raises:
        dockerflow_mw.settings.SettingsError: a check needs other arguments.
    """
    named: dict[str, CheckFunction] = {}
    for check in checks:
        name = free_name(getattr(check, "__name__", type(check).__name__), named)
        named[name] = _adapt(check, name)
    return tuple(named.values())


# Cached: the runner and the registry compare functions by identity.
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


def _accepted_arguments(check: CheckFunction) -> dict[str, None]:
    signature = inspect.signature(check)
    for names in _ARGUMENTS:
        arguments = dict.fromkeys(names)
        with contextlib.suppress(TypeError):
            signature.bind(**arguments)
            return arguments
    raise SettingsError(
        f"DOCKERFLOW_CHECKS has {place(check)}; the arguments of a check must be"
        " app_configs, databases or **kwargs, or have defaults."
    )


def check_heartbeat(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001 - Django passes them
    """Run the checks of the heartbeat.

    Returns:
        Django's messages, each with the name of its check as the object.
    """
    messages = []
    for result in Runner(Settings()).run(default_registry.checks().values()):
        # The message for an exception says that the log has the traceback.
        log_messages(result)
        messages += [
            CheckMessage(m.level, m.msg, m.hint, result.name, m.id)
            for m in result.messages
        ]
    return messages


class SystemChecks(Registry):
    """A registry of its parent's checks and of Django's system checks."""

    def checks(self) -> dict[str, Check]:
        """Return the registered checks by name, followed by the system checks."""
        named = super().checks()
        listed = [getattr(c.function, "__wrapped__", None) for c in named.values()]
        # Sorted: Django keeps its checks in sets.
        for function in sorted(registry.get_checks(not settings.DEBUG), key=place):
            if function not in [*listed, check_heartbeat]:
                name = free_name(function.__name__, named)
                named[name] = Check(name, _adapt(function, name))
        return named
