"""Compares the functions of checks, and describes them for error messages."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from dockerflow_mw.logging.encoding import safe_repr
from dockerflow_mw.redact import redact

# The types whose comparison tells whether two arguments differ. Mocks raise or return
# anything, arrays return arrays, and each client is equal to itself only.
_VALUES = (str, bytes, int, float, tuple, frozenset, PurePath, type(None))


def unwrap(function: Callable[..., Any]) -> Any:
    """Return the function that a partial, or a partial of a partial, calls."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def are_equal(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    """Return whether two functions are equal, or partials with equal arguments."""
    return unwrap(one) == unwrap(other) and has_equal_arguments(one, other)


def has_equal_arguments(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    """Return whether two functions are called with equal arguments, or with none."""
    first, second = _arguments(one), _arguments(other)
    return first.keys() == second.keys() and all(
        _is_equal(first[key], second[key]) for key in first
    )


def are_different(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    """Return whether two functions are certainly different checks.

    Their names differ, or they are partials with arguments that are different values.
    Values are texts, numbers and paths. Other objects prove no difference: a second
    client of one server is another object, too.
    """
    first, second = _arguments(one), _arguments(other)
    return (
        _identity(one) != _identity(other)
        or first.keys() != second.keys()
        or any(_are_different_values(first[key], second[key]) for key in first)
    )


def place(function: Callable[..., Any]) -> str:
    """Return the name, arguments and line of a function, with credentials masked."""
    code = unwrap(function)
    if _is_built_in(code):
        return repr(code)
    shown = [
        safe_repr(value) if isinstance(key, int) else f"{key}={safe_repr(value)}"
        for key, value in _arguments(function).items()
    ]
    arguments = f"({redact(', '.join(shown))})" if shown else ""
    source = getattr(code, "__code__", None)
    line = f" ({source.co_filename}:{source.co_firstlineno})" if source else ""
    return ".".join(_qualified_name(code)) + arguments + line


def _arguments(function: Callable[..., Any]) -> dict[int | str, object]:
    arguments: dict[int | str, object] = {}
    if isinstance(function, functools.partial):
        arguments.update(enumerate(function.args))
        arguments.update(function.keywords)
    return arguments


def _is_equal(one: object, other: object) -> bool:
    return one is other or (_are_values(one, other) and one == other)


def _are_different_values(one: object, other: object) -> bool:
    return _are_values(one, other) and one != other


def _are_values(one: object, other: object) -> bool:
    return isinstance(one, _VALUES) and isinstance(other, _VALUES)


def _identity(function: Callable[..., Any]) -> tuple[object, ...]:
    code = unwrap(function)
    identity: tuple[object, ...] = (
        code.identity if _is_built_in(code) else _qualified_name(code)
    )
    return identity


def _is_built_in(code: Any) -> bool:
    return isinstance(getattr(code, "identity", None), tuple)


def _qualified_name(code: Any) -> tuple[str, str]:
    if not hasattr(code, "__qualname__"):
        code = type(code)
    return code.__module__, code.__qualname__
