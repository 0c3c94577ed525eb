"""What a run of checks came to."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Collection, Generator, Iterator
from typing import Any

from dockerflow_mw import health
from dockerflow_mw.checks.messages import (
    ERROR,
    WARNING,
    CheckMessage,
    Error,
    level_to_text,
)


@dataclasses.dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome of one check.

    Attributes:
        name: the check's name.
        messages: all that it said.
        duration: how long it took, in seconds.
        finished: when it had finished, by `time.monotonic`.
        error: the exception that it raised, if any.
        critical: whether the check can fail the heartbeat.
        fail_level: the level from which on it does.
        tolerated: whether the check may fail some more times before that counts as
            more than a warning.
    """

    name: str
    messages: tuple[CheckMessage, ...] = ()
    duration: float = 0.0
    finished: float = dataclasses.field(default_factory=time.monotonic)
    error: BaseException | None = None
    critical: bool = True
    fail_level: int = ERROR
    tolerated: bool = False

    @property
    def level(self) -> int:
        """The highest level of any message; 0 when there is none."""
        highest = max((message.level for message in self.messages), default=0)
        return min(highest, WARNING) if self.tolerated else highest

    @property
    def failed(self) -> bool:
        """Whether the check fails the heartbeat."""
        return self.critical and not self.tolerated and self.level >= self.fail_level

    @property
    def age(self) -> float:
        """How long ago the check finished, in seconds."""
        return time.monotonic() - self.finished

    @property
    def texts(self) -> dict[str, str]:
        """The messages' texts by id; one that has no id is under the check's name."""
        texts: dict[str, str] = {}
        for message in self.messages:
            key = identity = message.id or self.name
            copies = 1
            while key in texts:
                copies += 1
                key = f"{identity} ({copies})"
            texts[key] = message.msg
        return texts

    def without(self, silenced: Collection[str]) -> CheckResult:
        """Give the result with the messages of the silenced ids left out."""
        kept = tuple(m for m in self.messages if m.id not in silenced)
        return dataclasses.replace(self, messages=kept)


@dataclasses.dataclass(frozen=True, slots=True)
class ChecksResults:
    """The outcome of all checks of one run, in the order of their registration."""

    results: tuple[CheckResult, ...]

    def __iter__(self) -> Iterator[CheckResult]:
        return iter(self.results)

    @property
    def level(self) -> int:
        """The highest level of any check, where what is not critical warns at most."""
        levels = (r.level if r.critical else min(r.level, WARNING) for r in self)
        return max(levels, default=0)

    @property
    def failed(self) -> bool:
        """Whether any check fails the heartbeat."""
        return any(result.failed for result in self.results)

    @property
    def statuses(self) -> dict[str, str]:
        """Each check's level as a word."""
        return {result.name: level_to_text(result.level) for result in self.results}

    @property
    def details(self) -> dict[str, dict[str, Any]]:
        """The status, level and messages of each check that said something."""
        return {
            result.name: {
                "status": level_to_text(result.level),
                "level": result.level,
                "messages": result.texts,
            }
            for result in self.results
            if result.messages
        }

    @property
    def timings(self) -> dict[str, dict[str, int]]:
        """How long each check took and how old its result is, in milliseconds."""
        return {
            result.name: {
                "duration_ms": round(result.duration * 1000),
                "age_ms": round(result.age * 1000),
            }
            for result in self.results
        }

    def without(self, silenced: Collection[str]) -> ChecksResults:
        """Give the results with the messages of the silenced ids left out."""
        return ChecksResults(tuple(result.without(silenced) for result in self))


class InvalidResultError(TypeError):
    """What a check returned is no result of a check."""


def messages_of(value: object) -> tuple[CheckMessage, ...]:
    """Read what a check returned.

    Raises:
        InvalidResultError: it is neither messages, a string, a boolean nor None.
    """
    if value is None or value is True:
        return ()
    if value is False:
        return (Error("The check failed.", id=health.ERROR_CHECK_FAILED),)
    if isinstance(value, (list, tuple, set, frozenset, Generator)):
        return tuple(_message(item) for item in value)
    return (_message(value),)


def _message(item: Any) -> CheckMessage:
    if isinstance(item, str):
        return Error(str(item), id=health.ERROR_CHECK_FAILED)
    if isinstance(item, CheckMessage) and type(item.msg) is type(item.id or "") is str:
        return item
    try:
        # Django's messages are not ours, and look the same; a text may be lazy.
        identity = None if item.id is None else str(item.id)
        return CheckMessage(str(item.msg), item.level, item.hint, item.obj, identity)
    except AttributeError:
        raise InvalidResultError(
            f"The check returned {type(item).__name__}; it must return messages,"
            " a string, a boolean or None."
        ) from None
