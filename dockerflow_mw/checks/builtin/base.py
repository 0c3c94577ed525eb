"""The class of the built-in checks."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from dockerflow_mw.checks.messages import CheckMessage

Messages: TypeAlias = list[CheckMessage]
Outcome: TypeAlias = Messages | Awaitable[Messages]
"""The return type of a built-in check: messages, or their awaitable."""

# How long a call of an async client may take, in seconds. It must end at some time,
# because it holds a connection of the application. It must take longer than 30
# seconds, the default pool_timeout of SQLAlchemy, whose error says more.
ASYNC_TIMEOUT = 40.0

SECONDS = "a number of seconds above 0"


@dataclasses.dataclass(frozen=True)
class _Hidden:
    """A value whose repr does not show it."""

    value: object = dataclasses.field(repr=False)


class BuiltInCheck:
    """A check of this package for one target.

    Args:
        name: the default name of the check in a registry.
        check: the function that does the check.
        target: the target for error messages, without credentials.
        bound_to: a further value that tells the target from others. It may contain
            credentials; it is compared and never shown.
        critical: whether the check fails the heartbeat by default.

    Attributes:
        identity: the name, the target and the further value. Two built-in checks of
            equal identities are the same check.
    """

    def __init__(
        self,
        name: str,
        check: Callable[[], Outcome],
        target: str,
        bound_to: object = None,
        *,
        critical: bool = True,
    ) -> None:
        self.__name__ = name
        self.critical = critical
        self.identity: tuple[object, ...] = (name, target)
        if bound_to is not None:
            self.identity += (_Hidden(bound_to),)
        self._target = target
        self._check = check

    def __call__(self) -> Outcome:
        """Run the check."""
        return self._check()

    def __repr__(self) -> str:
        return f"<{self.__name__} of {self._target}>"


def describe_object(value: object) -> str:
    """Return a description of an object whose target is unknown.

    Two such objects count as two targets: an error about a duplicate name is better
    than a check that is silently replaced.
    """
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__} at {id(value):#x}"


def async_timeout() -> asyncio.Timeout:
    """Return the timeout for a call of an async client, as a context manager."""
    return asyncio.timeout(ASYNC_TIMEOUT)
