"""The registry of checks, each under a unique name."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import logging
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, TypedDict, TypeVar, Unpack, overload

from dockerflow_mw.checks.direct import run_checks as run_checks
from dockerflow_mw.checks.direct import run_checks_async as run_checks_async
from dockerflow_mw.checks.origin import (
    are_different,
    are_equal,
    has_equal_arguments,
    place,
    unwrap,
)
from dockerflow_mw.checks.results import ChecksResults as ChecksResults
from dockerflow_mw.logging import log_safely
from dockerflow_mw.settings import readers

logger = logging.getLogger("dockerflow.checks.registry")

# The order in which registries were made.
_numbers = itertools.count()

CheckFunction: TypeAlias = Callable[..., Any]
F = TypeVar("F", bound=CheckFunction)


class DuplicateCheckError(ValueError):
    """A different check is already registered under the name."""


class UnknownCheckError(LookupError):
    """No check and no tag has the name.

    Attributes:
        name: the unknown name.
    """

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        there = ", ".join(known) or "no checks"
        super().__init__(f"There is no check and no tag {name!r}; there are {there}.")


class CheckOptions(TypedDict, total=False):
    """The options of `Registry.register`."""

    critical: bool | None
    fail_level: int | str | None
    failures_before_error: int
    tags: str | Iterable[str]
    timeout: float | None
    cache_seconds: float | None
    replace: bool


# The reader of each option, and the allowed values for its error text.
_READERS: dict[str, tuple[Callable[[object], object], str]] = {
    "critical": (readers.boolean, "true or false"),
    "fail_level": (readers.fail_level, "warning, error or critical"),
    "failures_before_error": (readers.positive_number, "a number from 1"),
    "tags": (readers.names, "names"),
    "timeout": (readers.positive_seconds, "a number of seconds above 0"),
    "cache_seconds": (readers.seconds, "a number of seconds, 0 or more"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """A registered check; `Registry.register` describes the options."""

    name: str
    function: CheckFunction
    critical: bool = True
    fail_level: int | None = None
    failures_before_error: int = 1
    tags: tuple[str, ...] = ()
    timeout: float | None = None
    cache_seconds: float | None = None


def is_same(one: Check, other: Check) -> bool:
    """Return whether two checks have the same name and the same function."""
    # Each access to a method returns a new bound method, so `is` would be false.
    return (one.name, one.function) == (other.name, other.function)


def pick(checks: Iterable[Check], wanted: Iterable[str]) -> tuple[Check, ...]:
    """Return the checks that have wanted names or tags; see `Registry.select`."""
    there = tuple(checks)
    names = set(wanted)
    known = {check.name for check in there}
    tags = {tag for check in there for tag in check.tags}
    for unknown in sorted(names - known - tags):
        raise UnknownCheckError(unknown, [*(c.name for c in there), *sorted(tags)])
    return tuple(check for check in there if names & {check.name, *check.tags})


class Registry:
    """A registry of checks under unique names.

    Args:
        parent: a registry whose checks belong to this one, too, and come first.
        listed: whether `get_checks` and `clear_checks` of the parent include the checks
            of this registry. If two such registries use one name, the later registry
            is listed. `checks` of the parent stays without them.
    """

    def __init__(self, parent: Registry | None = None, *, listed: bool = False) -> None:
        self._parent = parent
        self._checks: dict[str, Check] = {}
        # Weak references: a test suite makes an application with each test.
        self._listed: weakref.WeakValueDictionary[int, Registry]
        self._listed = weakref.WeakValueDictionary()
        if listed and parent is not None:
            parent._listed[next(_numbers)] = self

    def __repr__(self) -> str:
        return f"<Registry of {', '.join(self.checks()) or 'no checks'}>"

    @overload
    def register(
        self, func: F, name: str | None = None, **options: Unpack[CheckOptions]
    ) -> F: ...
    @overload
    def register(
        self,
        func: None = None,
        name: str | None = None,
        **options: Unpack[CheckOptions],
    ) -> Callable[[F], F]: ...
    def register(
        self, func: Any = None, name: Any = None, **options: Unpack[CheckOptions]
    ) -> Any:
        """Register a check. Works as a decorator with and without arguments.

        Args:
            func: the check, sync or async, called without arguments. It returns
                messages, ``None`` or ``True`` for success, and ``False`` or a string
                for a failure. An exception is a failure, too.
            name: the name of the check, by default that of the function.
            critical: whether the check can fail the heartbeat. Other checks are shown
                and logged, and count as a warning at most. The default is True, but
                False for a built-in check of an external service.
            fail_level: the lowest level that fails the heartbeat, by default the
                setting ``fail_level``.
            failures_before_error: how many failures in a row it takes until a failure
                counts as more than a warning, by default 1.
            tags: names of groups that the check belongs to.
            timeout: how long the check may take, in seconds, by default the setting
                ``check_timeout``.
            cache_seconds: how long a result answers further probes, in seconds, by
                default the setting ``cache_seconds``.
            replace: whether to replace a different check of the same name.

        Raises:
            DuplicateCheckError: a different check has the name. Two functions of the
                same module and qualified name are the same check.
            dockerflow_mw.settings.SettingsError: the value of an option is not allowed.
            TypeError: ``func`` is not callable, ``name`` is not a string, or there is
                no such option.
            ValueError: ``func`` is a lambda, and ``name`` is missing.
        """
        if func is None:
            return functools.partial(self.register, name=name, **options)
        if not callable(func):
            message = f"func is {func!r}; it must be callable. Pass a name as name=."
            raise TypeError(message)
        if name is not None and not (isinstance(name, str) and name):
            raise TypeError(f"name is {name!r}; it must be a string, and not empty.")
        replace = options.pop("replace", False)
        self._add(_check(name or _name_of(func), func, options), replace)
        return func

    def register_partial(
        self,
        func: CheckFunction,
        *args: object,
        name: str | None = None,
        **options: Unpack[CheckOptions],
    ) -> CheckFunction:
        """Register a check that is called with arguments.

        A second registration of the function under one name replaces the first. If the
        arguments compare by identity, such as two clients, a warning names both.

        Raises:
            DuplicateCheckError: a different check has the name, or the same function
                with other values as arguments.
            TypeError, ValueError: see `register`.
        """
        return self.register(functools.partial(func, *args), name=name, **options)

    def checks(self) -> dict[str, Check]:
        """Return the checks by name, those of the parent first."""
        inherited = self._parent.checks() if self._parent else {}
        return inherited | self._checks

    def get_checks(self) -> dict[str, CheckFunction]:
        """Return the functions by name, those of listed registries included."""
        found = self.checks()
        for registry in self._listed.values():
            found |= registry._checks
        return {name: check.function for name, check in found.items()}

    def clear_checks(self) -> None:
        """Remove the checks of this and of listed registries, but not of a parent."""
        for registry in (self, *self._listed.values()):
            registry._checks = {}

    def _add(self, check: Check, replace: bool) -> None:
        existing = self.checks().get(check.name)
        if existing is not None:
            _replace(existing, check, forced=replace)
        # A new dict, because another thread may be iterating over the previous one.
        self._checks = self._checks | {check.name: check}


def _replace(existing: Check, check: Check, *, forced: bool) -> None:
    """Log the replacement of a check, or refuse it."""
    before, after = existing.function, check.function
    if are_different(before, after) and not forced:
        message = (
            f"A check named {check.name!r} is already registered: {place(before)};"
            f" give {place(after)} another name with name=, or use replace=True."
        )
        raise DuplicateCheckError(message)
    if not are_equal(before, after):
        is_doubtful = not forced and not has_equal_arguments(before, after)
        level = logging.WARNING if is_doubtful else logging.INFO
        text = "Check %s is registered again: %s replaces %s."
        log_safely(logger, level, text, check.name, place(after), place(before))


def _name_of(function: CheckFunction) -> str:
    code = unwrap(function)
    name = getattr(code, "__name__", type(code).__name__)
    if name == "<lambda>":
        raise ValueError("A lambda has no name of its own; register it with name=.")
    return str(name)


def _check(name: str, function: CheckFunction, options: Mapping[str, object]) -> Check:
    critical = getattr(unwrap(function), "critical", True) is not False
    read: dict[str, Any] = {"critical": critical}
    for option, value in options.items():
        if option not in _READERS:
            known = ", ".join(_READERS)
            raise TypeError(f"A check has no option {option!r}; it has {known}.")
        if value is not None:
            label = f"{option} of check {name!r}"
            read[option] = readers.setting(label, value, *_READERS[option])
    return Check(name, function, **read)


default_registry = Registry()
"""The registry of the process: every middleware runs its checks and its own."""

register = default_registry.register
register_partial = default_registry.register_partial
get_checks = default_registry.get_checks
clear_checks = default_registry.clear_checks
