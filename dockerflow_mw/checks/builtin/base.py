"""The shape that the built-in checks share."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

from dockerflow_mw.checks.messages import CheckMessage

T = TypeVar("T")

Messages: TypeAlias = list[CheckMessage]
Outcome: TypeAlias = Messages | Awaitable[Messages]
"""What a built-in check returns: messages, or from an async client their promise."""

# A question to an async client that is never answered is given up in the end, because
# it holds a connection of the application's. The heartbeat has long been answered
# by then: this is no setting, and well above what anybody waits for a heartbeat.
ASYNC_LIMIT = 30.0

SECONDS = "a number of seconds above 0"

_KEY = secrets.token_bytes(16)


class BuiltInCheck:
    """A check of this package, bound to what it looks at.

    Args:
        name: the name to register it under, where the user gives none.
        ask: the check itself.
        target: what it looks at, for people, without credentials.
        distinction: what else tells this target from others; it may hold
            credentials, and is not kept.
        critical: whether it can fail the heartbeat, where the user does not say.

    Attributes:
        critical: as given.
        identity: tells two targets apart, in plain strings without credentials.
    """

    def __init__(
        self,
        name: str,
        ask: Callable[[], Outcome],
        target: str,
        distinction: str = "",
        *,
        critical: bool = True,
    ) -> None:
        self.__name__ = name
        self.critical = critical
        digest = (fingerprint(distinction),) if distinction else ()
        self.identity: tuple[str, ...] = (name, target, *digest)
        self._target = target
        self._ask = ask

    def __call__(self) -> Outcome:
        """Look, and give what there is to say."""
        return self._ask()

    def __repr__(self) -> str:
        return f"<{self.__name__} of {self._target}>"


def fingerprint(text: str) -> str:
    """Give what tells texts apart and shows nothing of them.

    It is another one in every process, so that nothing can be found out by guessing.
    """
    return hmac.digest(_KEY, text.encode("utf-8", "surrogatepass"), "sha256").hex()[:16]


def nameless(target: object) -> str:
    """Describe an object that does not tell what it stands for.

    Two such objects count as two targets: better a name taken that is not than a
    check lost without a word.
    """
    kind = type(target)
    return f"{kind.__module__}.{kind.__qualname__} at {id(target):#x}"


async def limited(asked: Awaitable[T]) -> T:
    """Wait for the answer of an async client, but not for ever.

    Raises:
        TimeoutError: there is none.
    """
    async with asyncio.timeout(ASYNC_LIMIT):
        return await asked
