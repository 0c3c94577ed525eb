"""The registry: which checks there are, each under one name."""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, overload

logger = logging.getLogger("dockerflow.checks")

CheckFunction: TypeAlias = Callable[..., Any]
F = TypeVar("F", bound=CheckFunction)


class DuplicateCheckError(ValueError):
    """A different check is already registered under the name."""


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """A check as it is registered: its name and what to call."""

    name: str
    function: CheckFunction

    @property
    def origin(self) -> tuple[str, str]:
        """The module and the qualified name of the code behind the check."""
        code = _unwrap(self.function)
        if not hasattr(code, "__qualname__"):
            code = type(code)
        return code.__module__, code.__qualname__


def _unwrap(function: CheckFunction) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _name_of(function: CheckFunction) -> str:
    code = _unwrap(function)
    name = getattr(code, "__name__", type(code).__name__)
    if name == "<lambda>":
        message = "A lambda has no name of its own; register it with name=."
        raise ValueError(message)
    return str(name)


class Registry:
    """A set of checks under unique names.

    Args:
        parent: a registry whose checks count as well, before this one's own.
    """

    def __init__(self, parent: Registry | None = None) -> None:
        self._parent = parent
        self._checks: dict[str, Check] = {}

    def __repr__(self) -> str:
        return f"<Registry of {', '.join(self.checks()) or 'no checks'}>"

    @overload
    def register(self, func: F, name: str | None = None) -> F: ...
    @overload
    def register(
        self, func: None = None, name: str | None = None
    ) -> Callable[[F], F]: ...
    def register(self, func: Any = None, name: str | None = None) -> Any:
        """Register a check; serves as a decorator with and without arguments.

        Args:
            func: the check, sync or async, called without arguments. It gives
                messages, ``None`` or ``True`` when all is well, ``False`` or a
                string when not; an exception is a failure too.
            name: the check's name, by default the function's.

        Raises:
            DuplicateCheckError: another function has the name. The same
                function, by module and qualified name, replaces itself.
            TypeError: ``func`` cannot be called.
            ValueError: there is no name to give to the check.
        """
        if func is None:
            return functools.partial(self.register, name=name)
        if not callable(func):
            message = f"A check must be callable, and {func!r} is not."
            raise TypeError(message)
        self._add(Check(name or _name_of(func), func))
        return func

    def register_partial(
        self, func: CheckFunction, *args: object, name: str | None = None
    ) -> CheckFunction:
        """Register a check that is called with arguments.

        Raises:
            DuplicateCheckError, TypeError, ValueError: as for `register`.
        """
        return self.register(functools.partial(func, *args), name=name)

    def checks(self) -> dict[str, Check]:
        """Give the registered checks by name, those of the parent first."""
        inherited = self._parent.checks() if self._parent else {}
        return inherited | self._checks

    def get_checks(self) -> dict[str, CheckFunction]:
        """Give the registered functions by name."""
        return {name: check.function for name, check in self.checks().items()}

    def clear_checks(self) -> None:
        """Forget the checks of this registry; a parent keeps its own."""
        self._checks = {}

    def _add(self, check: Check) -> None:
        taken = self.checks().get(check.name)
        if taken is not None and taken.origin != check.origin:
            message = (
                f"A check named {check.name!r} is already registered:"
                f" {'.'.join(taken.origin)}; give {'.'.join(check.origin)} another"
                " name with name=."
            )
            raise DuplicateCheckError(message)
        # A new dict each time: whoever iterates over the old one is not disturbed.
        self._checks = self._checks | {check.name: check}
        logger.debug("Registered check %s.", check.name)


default_registry = Registry()
"""The registry of the process, which every middleware runs as well as its own."""

register = default_registry.register
register_partial = default_registry.register_partial
get_checks = default_registry.get_checks
clear_checks = default_registry.clear_checks
