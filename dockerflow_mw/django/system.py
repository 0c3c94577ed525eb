"""Django's system checks as checks of the heartbeat.

What they look at does not change while a process lives, so that each is run once, and
again only when ``DEBUG`` is switched or when it has raised.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.checks.registry import registry

from dockerflow_mw.checks import Registry
from dockerflow_mw.checks.messages import CheckMessage
from dockerflow_mw.checks.registry import Check, CheckFunction
from dockerflow_mw.checks.results import messages_of
from dockerflow_mw.django.connections import closing
from dockerflow_mw.settings.readers import A_YEAR

# How long a system check waits for its turn, in seconds. They were not written to run
# beside one another; but none shall be late because another one is slow.
TURN = 1.0

# As Django calls them, when it is asked for neither applications nor databases.
_ARGUMENTS: dict[str, Any] = {"app_configs": None, "databases": None}

_adapted: dict[CheckFunction, CheckFunction] = {}


def adapted(check: CheckFunction) -> CheckFunction:
    """Give what calls a check of Django's kind, which is no system check from then on.

    It is the same object each time.
    """
    return _adapted.setdefault(check, closing(check, **_ARGUMENTS))


def names_of(
    checks: Iterable[CheckFunction], taken: Iterable[str] = ()
) -> dict[str, CheckFunction]:
    """Give the checks by name, and by module as well where a name is taken."""
    named: dict[str, CheckFunction] = {}
    used = set(taken)
    for check in checks:
        module, name = _origin(check)
        if name in used:
            name = f"{module}.{name}"
        while name in used:
            name = f"{name}'"
        used.add(name)
        named[name] = check
    return named


def _origin(check: CheckFunction) -> tuple[str, str]:
    kind = type(check)
    name = getattr(check, "__name__", kind.__name__)
    return str(getattr(check, "__module__", kind.__module__)), str(name)


class WithSystemChecks(Registry):
    """The checks of another registry, and Django's system checks.

    Args:
        registered: the other registry, where checks are registered; none of them
            loses its name to a system check.
    """

    def __init__(self, registered: Registry) -> None:
        super().__init__(parent=registered)
        self._turn = threading.Lock()
        self._once: dict[tuple[bool, str, CheckFunction], Check] = {}

    def checks(self) -> dict[str, Check]:
        """Give the registered checks by name, and then the system checks."""
        registered = super().checks()
        return registered | self._system_checks(registered)

    def _system_checks(self, taken: Iterable[str]) -> dict[str, Check]:
        debug = bool(settings.DEBUG)
        # Django keeps them in sets, whose order is another one in each process.
        there = sorted(registry.get_checks(not debug), key=_origin)
        named = names_of((c for c in there if c not in _adapted), taken)
        return {name: self._check(debug, name, c) for name, c in named.items()}

    def _check(self, debug: bool, name: str, function: CheckFunction) -> Check:
        key = (debug, name, function)
        check = self._once.get(key)
        if check is None:
            forget = functools.partial(self._once.pop, key, None)
            once = functools.partial(_run, function, self._turn, forget)
            check = self._once[key] = Check(name, once, cache_seconds=A_YEAR)
        return check


def _run(
    function: CheckFunction, turn: threading.Lock, forget: Callable[[], Any]
) -> tuple[CheckMessage, ...]:
    had_turn = turn.acquire(timeout=TURN)
    try:
        return messages_of(function(**_ARGUMENTS))
    except BaseException:
        # What raised may find what it needs the next time.
        forget()
        raise
    finally:
        if had_turn:
            turn.release()
