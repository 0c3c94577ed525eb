"""The log of check results: changes of state, and failures that last."""

from __future__ import annotations

import logging
import time

from dockerflow_mw import health
from dockerflow_mw.checks.messages import CheckMessage
from dockerflow_mw.checks.results import CheckResult
from dockerflow_mw.logging import log_safely
from dockerflow_mw.redact import redact

logger = logging.getLogger("dockerflow.checks.registry")

State = tuple[int, tuple[str | None, ...]]

_OK: State = (0, ())

# The ids that messages of any check may have. They do not tell which check failed.
_SHARED_IDS = {
    *(None, ""),
    *(health.ERROR_CHECK_FAILED, health.ERROR_CHECK_RAISED),
    *(health.ERROR_CHECK_TIMED_OUT, health.ERROR_CHECK_INVALID_RESULT),
}


class StateLog:
    """A log of the states of checks: each change, and a failure again at intervals.

    The state of a check is its level and the ids of its messages. Without this,
    frequent probes would fill the log with the same message.

    Args:
        repeat_seconds: how often a failure that lasts is logged, in seconds.
    """

    def __init__(self, repeat_seconds: float) -> None:
        self._repeat_seconds = repeat_seconds
        self._last: dict[str, tuple[State, float]] = {}

    def write(self, result: CheckResult) -> None:
        """Log a result if its state is new or due to be repeated."""
        state = (result.level, tuple(message.id for message in result.messages))
        if not self._is_due(result.name, state):
            return
        if state == _OK:
            log_safely(logger, logging.INFO, "%s: ok again", result.name)
        log_messages(result)

    def _is_due(self, name: str, state: State) -> bool:
        now = time.monotonic()
        previous, logged = self._last.get(name, (_OK, now))
        repeats = state != _OK and now - logged >= self._repeat_seconds
        if state == previous and not repeats:
            return False
        self._last[name] = (state, now)
        return True


def log_messages(result: CheckResult) -> None:
    """Log each message of a result at its level, as ``<id>: <text>``.

    Without an id of its own, a message is logged as ``<name of the check>: <text>``.
    """
    for message in result.messages:
        _log(result, message)


def _log(result: CheckResult, message: CheckMessage) -> None:
    # A check may pass the exception that it has caught as the object of its message.
    caught = message.obj if isinstance(message.obj, BaseException) else None
    log_safely(
        logger,
        min(message.level, logging.WARNING) if result.tolerated else message.level,
        "%s: %s",
        result.name if message.id in _SHARED_IDS else message.id,
        redact(message.msg),
        error=result.error or caught,
        extra={
            "check": result.name,
            "id": message.id or "",
            "hint": message.hint or "",
            "duration_ms": round(result.duration * 1000),
        },
    )
