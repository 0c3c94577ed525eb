"""The registry: which checks there are, each under one name."""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Callable, Iterable
from types import MethodType
from typing import Any, TypeAlias, TypedDict, TypeVar, Unpack, overload

from dockerflow_mw.logging import log_safely
from dockerflow_mw.settings import readers

logger = logging.getLogger("dockerflow.checks")

CheckFunction: TypeAlias = Callable[..., Any]
F = TypeVar("F", bound=CheckFunction)


class DuplicateCheckError(ValueError):
    """A different check is already registered under the name."""


class UnknownCheckError(LookupError):
    """There is neither a check nor a tag of the name.

    Attributes:
        name: what was asked for.
    """

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        there = ", ".join(known) or "no checks"
        super().__init__(f"There is no check and no tag {name!r}; there are {there}.")


class CheckOptions(TypedDict, total=False):
    """What can be said of a check when it is registered."""

    critical: bool | None
    fail_level: int | str | None
    failures_before_error: int
    tags: str | Iterable[str]
    timeout: float | None
    cache_seconds: float | None
    replace: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """A check as it is registered; see `Registry.register` for the options."""

    name: str
    function: CheckFunction
    critical: bool = True
    fail_level: int | None = None
    failures_before_error: int = 1
    tags: tuple[str, ...] = ()
    timeout: float | None = None
    cache_seconds: float | None = None

    @property
    def origin(self) -> tuple[str, ...]:
        """What tells the code behind this check from the code behind another one.

        It is the identity that the function claims, as the built-in checks do, or
        its module and qualified name.
        """
        code = unwrap(self.function)
        identity = getattr(code, "identity", None)
        if isinstance(identity, tuple):
            return identity
        if not hasattr(code, "__qualname__"):
            code = type(code)
        return code.__module__, code.__qualname__

    @property
    def place(self) -> str:
        """Where the code behind this check is, for people."""
        code = getattr(unwrap(self.function), "__code__", None)
        line = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
        return ".".join(self.origin) + line


def unwrap(function: CheckFunction) -> Any:
    """Give what a partial, or a partial of a partial, calls in the end."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def is_same(one: Check, other: Check) -> bool:
    """Tell whether two registrations are of one name and one function."""
    return one.name == other.name and _is_same(one.function, other.function)


def _is_same(one: object, other: object) -> bool:
    # A bound method is another object each time that it is looked up.
    if isinstance(one, MethodType) and isinstance(other, MethodType):
        return one.__self__ is other.__self__ and one.__func__ is other.__func__
    return one is other


def pick(checks: Iterable[Check], wanted: Iterable[str]) -> tuple[Check, ...]:
    """Give those checks that have one of the names, or one of the tags.

    Raises:
        UnknownCheckError: there is no such check and no such tag among them.
    """
    there = tuple(checks)
    names = set(wanted)
    known = {check.name for check in there}
    tags = {tag for check in there for tag in check.tags}
    for unknown in sorted(names - known - tags):
        raise UnknownCheckError(unknown, [*(c.name for c in there), *sorted(tags)])
    return tuple(check for check in there if names & {check.name, *check.tags})


def _name_of(function: CheckFunction) -> str:
    code = unwrap(function)
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
        self,
        func: Any = None,
        name: Any = None,
        *,
        critical: bool | None = None,
        fail_level: int | str | None = None,
        failures_before_error: int = 1,
        tags: str | Iterable[str] = (),
        timeout: float | None = None,
        cache_seconds: float | None = None,
        replace: bool = False,
    ) -> Any:
        """Register a check; serves as a decorator with and without arguments.

        Args:
            func: the check, sync or async, called without arguments. It gives
                messages, ``None`` or ``True`` when all is well, ``False`` or a
                string when not; an exception is a failure too.
            name: the check's name, by default the function's.
            critical: whether the check can fail the heartbeat. What is not
                critical is shown and logged, and counts as a warning at most.
                True by default, but for built-in checks of other people's services.
            fail_level: the level from which on this check fails the heartbeat,
                by default the middleware's.
            failures_before_error: how many times in a row the check has to fail
                before that counts as more than a warning.
            tags: names under which groups can have this check.
            timeout: how long the check may take, in seconds, by default as the
                middleware's ``check_timeout`` says.
            cache_seconds: how long a result serves further probes, in seconds, by
                default as the middleware's ``cache_seconds`` says.
            replace: whether a different check may lose this name to this one.

        Raises:
            DuplicateCheckError: another function has the name. The same
                function, by module and qualified name, replaces itself.
            dockerflow_mw.settings.SettingsError: an option has a value that is
                not allowed.
            TypeError: ``func`` cannot be called.
            ValueError: there is no name to give to the check.
        """
        options: CheckOptions = {
            "critical": critical,
            "fail_level": fail_level,
            "failures_before_error": failures_before_error,
            "tags": tags,
            "timeout": timeout,
            "cache_seconds": cache_seconds,
        }
        if func is None:
            return functools.partial(
                self.register, name=name, replace=replace, **options
            )
        if not callable(func):
            message = f"A check must be callable, and {func!r} is not; a name is name=."
            raise TypeError(message)
        if name is not None and not (isinstance(name, str) and name):
            raise TypeError(f"The name of a check must be a string, not {name!r}.")
        self._add(_check(name or _name_of(func), func, options), replace)
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

    def select(self, wanted: Iterable[str]) -> tuple[Check, ...]:
        """Give the checks that have one of the names, or one of the tags.

        Raises:
            UnknownCheckError: there is no such check and no such tag.
        """
        return pick(self.checks().values(), wanted)

    def get_checks(self) -> dict[str, CheckFunction]:
        """Give the registered functions by name."""
        return {name: check.function for name, check in self.checks().items()}

    def clear_checks(self) -> None:
        """Forget the checks of this registry; a parent keeps its own."""
        self._checks = {}

    def _add(self, check: Check, replace: bool) -> None:
        taken = self.checks().get(check.name)
        if taken is not None and not replace and taken.origin != check.origin:
            message = (
                f"A check named {check.name!r} is already registered: {taken.place};"
                f" give {check.place} another name with name=, or say replace=True."
            )
            raise DuplicateCheckError(message)
        if taken is not None and not is_same(taken, check):
            text = "Check %s is registered anew; it was: %s."
            log_safely(logger, logging.INFO, text, check.name, taken.place)
        # A new dict each time: whoever iterates over the old one is not disturbed.
        self._checks = self._checks | {check.name: check}


def _check(name: str, function: CheckFunction, options: CheckOptions) -> Check:
    def read(
        option: str, reader: Callable[[object], Any], allowed: str, default: Any = None
    ) -> Any:
        value = options.get(option)
        label = f"{option} of check {name!r}"
        return (
            default if value is None else readers.setting(label, value, reader, allowed)
        )

    critical = getattr(unwrap(function), "critical", True)
    seconds = "a number of seconds"
    return Check(
        name,
        function,
        read("critical", readers.boolean, "true or false", critical is not False),
        read("fail_level", readers.fail_level, "warning, error or critical"),
        read("failures_before_error", readers.positive_number, "a number from 1", 1),
        read("tags", readers.names, "names", ()),
        read("timeout", readers.positive_seconds, f"{seconds} above 0"),
        read("cache_seconds", readers.seconds, f"{seconds}, 0 or more"),
    )


default_registry = Registry()
"""The registry of the process, which every middleware runs as well as its own."""

register = default_registry.register
register_partial = default_registry.register_partial
get_checks = default_registry.get_checks
clear_checks = default_registry.clear_checks
