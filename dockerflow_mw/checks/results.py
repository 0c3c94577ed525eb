"""The results of checks."""

from __future__ import annotations

import dataclasses
import functools
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
from dockerflow_mw.logging.encoding import free_name


@dataclasses.dataclass(frozen=True)
class CheckResult:
    """The result of one run of a check.

    Attributes:
        name: the name of the check.
        messages: the messages of the check.
        duration: how long the check took, in seconds.
        finished: the end of the run, by `time.monotonic`.
        error: the exception that the check raised, if any.
        critical: whether the check can fail the heartbeat.
        fail_level: the lowest level that fails the heartbeat.
        tolerated: whether the failure counts as a warning, because the check has not
            failed often enough in a row.
    """

    name: str
    messages: tuple[CheckMessage, ...] = ()
    duration: float = 0.0
    finished: float = dataclasses.field(default_factory=time.monotonic)
    error: BaseException | None = None
    critical: bool = True
    fail_level: int = ERROR
    tolerated: bool = False

    @functools.cached_property
    def level(self) -> int:
        """The highest level of the messages; 0 without messages."""
        highest = max((message.level for message in self.messages), default=0)
        return min(highest, WARNING) if self.tolerated else highest

    @property
    def failed(self) -> bool:
        """True if the check fails the heartbeat."""
        return self.critical and not self.tolerated and self.level >= self.fail_level

    @property
    def age(self) -> float:
        """The time since the end of the run, in seconds."""
        return time.monotonic() - self.finished

    @property
    def texts(self) -> dict[str, str]:
        """The texts of the messages by id, or by the name of the check without id."""
        texts: dict[str, str] = {}
        for message in self.messages:
            texts[free_name(message.id or self.name, texts)] = message.msg
        return texts

    def without(self, silenced: Collection[str]) -> CheckResult:
        """Return the result without the messages that have one of the given ids."""
        kept = tuple(m for m in self.messages if m.id not in silenced)
        return dataclasses.replace(self, messages=kept)


@dataclasses.dataclass(frozen=True)
class ChecksResults:
    """The results of all checks of a probe, in the order of registration."""

    results: tuple[CheckResult, ...]

    def __iter__(self) -> Iterator[CheckResult]:
        return iter(self.results)

    @functools.cached_property
    def level(self) -> int:
        """The highest level; a check that is not critical counts as a warning."""
        levels = (r.level if r.critical else min(r.level, WARNING) for r in self)
        return max(levels, default=0)

    @functools.cached_property
    def failed(self) -> bool:
        """True if any check fails the heartbeat."""
        return any(result.failed for result in self.results)

    @property
    def statuses(self) -> dict[str, str]:
        """The level of each check as a word."""
        return {result.name: level_to_text(result.level) for result in self.results}

    @property
    def details(self) -> dict[str, dict[str, Any]]:
        """The status, level and messages of each check that returned messages."""
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
        """The duration of each check and the age of its result, in milliseconds."""
        return {
            result.name: {
                "duration_ms": round(result.duration * 1000),
                "age_ms": round(result.age * 1000),
            }
            for result in self.results
        }

    def without(self, silenced: Collection[str]) -> ChecksResults:
        """Return the results without the messages that have one of the given ids."""
        if not silenced:
            return self
        return ChecksResults(tuple(result.without(silenced) for result in self))


class InvalidResultError(TypeError):
    """A check returned a value that is not a result of a check."""


def messages_of(value: object) -> tuple[CheckMessage, ...]:
    """Return the messages that the return value of a check stands for.

    Raises:
        InvalidResultError: the value is neither messages, a string, a boolean nor None.
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
    try:
        if isinstance(item, CheckMessage) and _is_valid(item):
            return item
        # Messages of Django have the same attributes; their texts may be lazy.
        identity = None if item.id is None else str(item.id)
        return CheckMessage(str(item.msg), item.level, item.hint, item.obj, identity)
    except AttributeError:
        raise InvalidResultError(
            f"The check returned {type(item).__name__}; it must return messages,"
            " a string, a boolean or None."
        ) from None


def _is_valid(message: CheckMessage) -> bool:
    # The attributes may change after the constructor has checked them.
    texts = type(message.msg), type(message.id or "")
    return texts == (str, str) and isinstance(message.level, int)
