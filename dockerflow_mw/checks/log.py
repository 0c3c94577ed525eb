"""The log of checks: what is new, and now and then what goes on."""

from __future__ import annotations

import logging
import time

from dockerflow_mw.checks.messages import CheckMessage
from dockerflow_mw.checks.results import CheckResult
from dockerflow_mw.logging import log_safely
from dockerflow_mw.redact import redact

logger = logging.getLogger("dockerflow.checks")

State = tuple[int, tuple[str | None, ...]]

_FINE: State = (0, ())


class StateLog:
    """Logs each check when its state changes, and a failing one again at times.

    A state is the level of a check and the ids of its messages. Whoever probes every
    second would otherwise fill the log with one sentence.

    Args:
        repeat_seconds: how often a state that does not change is logged again.
    """

    def __init__(self, repeat_seconds: float) -> None:
        self._repeat_seconds = repeat_seconds
        self._last: dict[str, tuple[State, float]] = {}

    def write(self, result: CheckResult) -> None:
        """Log a result if it is news."""
        state = (result.level, tuple(message.id for message in result.messages))
        if not self._is_news(result.name, state):
            return
        if state == _FINE:
            log_safely(logger, logging.INFO, "%s: ok again", result.name)
        for message in result.messages:
            _log(result, message)

    def _is_news(self, name: str, state: State) -> bool:
        now = time.monotonic()
        former, logged = self._last.get(name, (_FINE, now))
        again = state != _FINE and now - logged >= self._repeat_seconds
        if state == former and not again:
            return False
        self._last[name] = (state, now)
        return True


def _log(result: CheckResult, message: CheckMessage) -> None:
    # A check may hand on what it caught as the object of its message.
    caught = message.obj if isinstance(message.obj, BaseException) else None
    log_safely(
        logger,
        min(message.level, logging.WARNING) if result.tolerated else message.level,
        "%s: %s",
        result.name,
        redact(message.msg),
        error=result.error or caught,
        extra={
            "check": result.name,
            "id": message.id or "",
            "hint": message.hint or "",
            "duration_ms": round(result.duration * 1000),
        },
    )
