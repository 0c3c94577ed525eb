"""Detects whether an application speaks WSGI or ASGI."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from dockerflow_mw.logging.encoding import safe_repr
from dockerflow_mw.settings import SettingsError

Interface: TypeAlias = Literal["auto", "wsgi", "asgi"]

# The number of arguments of an application's call.
_WSGI_ARGUMENTS = 2
_ASGI_3_ARGUMENTS = 3

_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


def resolve(app: Any, interface: str = "auto") -> tuple[Any, Literal["wsgi", "asgi"]]:
    """Return the application and its protocol. An ASGI 2 application becomes ASGI 3.

    Args:
        app: the application.
        interface: ``"wsgi"``, ``"asgi"``, or ``"auto"`` to detect the protocol.

    Raises:
        SettingsError: the interface is none of the three.
        TypeError: ``app`` is not callable, or its protocol cannot be detected.
    """
    if interface not in ("auto", "wsgi", "asgi"):
        message = f"interface is {interface!r}; it must be 'auto', 'wsgi' or 'asgi'."
        raise SettingsError(message)
    if not callable(app):
        message = f"An application must be callable, and {safe_repr(app)} is not."
        raise TypeError(message)
    if interface == "wsgi":
        return app, "wsgi"
    if _is_asgi_2(app):
        # Imported here: ASGI 2 is rare, and asgiref brings a thread pool.
        from asgiref.compatibility import double_to_single_callable

        return double_to_single_callable(app), "asgi"  # type: ignore[no-untyped-call]  # of asgiref
    count = _count_arguments(app)
    if interface == "asgi" or count == _ASGI_3_ARGUMENTS:
        return app, "asgi"
    if count == _WSGI_ARGUMENTS:
        return app, "wsgi"
    message = (
        f"The protocol of {safe_repr(app)} cannot be detected. If it is a factory, call"
        " it first; otherwise set interface='wsgi' or interface='asgi'."
    )
    raise TypeError(message)


def _count_arguments(app: Callable[..., Any]) -> int | None:
    """Return the number of required arguments, or None if there are none."""
    if inspect.iscoroutinefunction(app) or _has_async_call(app):
        return _ASGI_3_ARGUMENTS
    required = [p for p in _positional(app) if p.default is p.empty]
    return len(required) or None


def _is_asgi_2(app: Callable[..., Any]) -> bool:
    # The name of the argument counts: most callables with one are factories.
    if getattr(app, "_asgi_double_callable", False):
        return True
    return [parameter.name for parameter in _positional(app)] == ["scope"]


def _positional(app: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p for p in parameters if p.kind in _POSITIONAL]


def _has_async_call(app: Callable[..., Any]) -> bool:
    return not inspect.isclass(app) and inspect.iscoroutinefunction(
        getattr(app, "__call__", None)  # noqa: B004 - an object's own method
    )
