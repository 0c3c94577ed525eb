"""Finds out whether an application speaks WSGI or ASGI."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from dockerflow_mw.logging.encoding import safe_repr
from dockerflow_mw.settings import SettingsError

Interface: TypeAlias = Literal["auto", "wsgi", "asgi"]

# How many arguments an application of each interface is called with.
_WSGI = 2
_ASGI_3 = 3

_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


def resolve(app: Any, interface: str = "auto") -> tuple[Any, Literal["wsgi", "asgi"]]:
    """Give the application, made ASGI 3 where it is ASGI 2, and its interface.

    Args:
        app: the application.
        interface: ``"wsgi"`` or ``"asgi"`` where it is known, else ``"auto"``.

    Raises:
        SettingsError: the interface is none of the three.
        TypeError: ``app`` cannot be called, or ``"auto"`` cannot tell.
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
        # Imported here, for few have such an application.
        from asgiref.compatibility import double_to_single_callable

        # asgiref gives this function no types.
        return double_to_single_callable(app), "asgi"  # type: ignore[no-untyped-call]
    arguments = _arguments(app)
    if interface == "asgi" or arguments == _ASGI_3:
        return app, "asgi"
    if arguments == _WSGI:
        return app, "wsgi"
    message = (
        f"It cannot be told whether {safe_repr(app)} is a WSGI or an ASGI application;"
        " call it first if it is a factory, or else say which it is with"
        " interface='wsgi' or interface='asgi'."
    )
    raise TypeError(message)


def _arguments(app: Callable[..., Any]) -> int | None:
    if inspect.iscoroutinefunction(app) or _has_async_call(app):
        return _ASGI_3
    parameters = _positional(app)
    required = [p for p in parameters if p.default is p.empty]
    return len(required) or None


def _is_asgi_2(app: Callable[..., Any]) -> bool:
    # Of what takes one argument, most are factories and functions of a request.
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
