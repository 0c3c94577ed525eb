"""``/__heartbeat__`` and the groups: run checks and return their results."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeAlias

from dockerflow_mw import signals
from dockerflow_mw.checks.log import StateLog
from dockerflow_mw.checks.messages import level_to_text
from dockerflow_mw.checks.registry import Check, Registry, UnknownCheckError, pick
from dockerflow_mw.checks.results import ChecksResults
from dockerflow_mw.checks.run import Around
from dockerflow_mw.checks.runner import Runner
from dockerflow_mw.endpoints.http import Endpoint, Request, Response, bearer
from dockerflow_mw.logging import log_safely
from dockerflow_mw.logging.encoding import plain
from dockerflow_mw.redact import redact
from dockerflow_mw.settings import Settings, readers

logger = logging.getLogger("dockerflow.heartbeat")

# The number of characters of a message that the body shows. The log has the whole text.
MAX_TEXT = 4096


Silenced: TypeAlias = Callable[[Settings], Collection[str]]


def silenced_checks(settings: Settings) -> Collection[str]:
    """Return the ids of the messages that never count, from the settings."""
    return settings.silenced_checks


class HeartbeatState:
    """The runner and the state log that all heartbeats of a service share.

    Args:
        settings: the settings of the service.
        registry: the checks, looked up at each request.
        sender: the sender of the signals.
        around: returns a context manager that each check runs inside, on its thread or
            in its task.
        silenced: takes the settings and returns the ids of the messages that never
            count; called at each heartbeat.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        sender: object,
        around: Around = contextlib.nullcontext,
        silenced: Silenced = silenced_checks,
    ) -> None:
        self.settings = settings
        self.registry = registry
        self.runner = Runner(settings, around)
        self.may_see_details = _details_policy(settings.details)
        self._sender = sender
        self._silenced = silenced
        self._state_log = StateLog(settings.log_repeat_seconds)

    def report(self, results: ChecksResults) -> ChecksResults:
        """Log changed states, send the signal, and return what is not silenced."""
        results = results.without(self._silenced(self.settings))
        for result in results:
            self._state_log.write(result)
        passed, failed = signals.heartbeat_passed, signals.heartbeat_failed
        signals.send(failed if results.failed else passed, self._sender, results.level)
        return results


class Heartbeat(Endpoint):
    """The endpoint of all checks, or of a group of checks.

    The query parameter ``checks=a,b`` keeps the checks with these names or tags, and
    ``exclude=a`` drops checks. ``verbose`` adds durations to the body.

    Args:
        state: the state shared with the other heartbeats.
        group: names and tags of the checks to run; None for all checks.
    """

    def __init__(
        self, state: HeartbeatState, group: Iterable[str] | None = None
    ) -> None:
        self._state = state
        self._group = None if group is None else tuple(group)

    def respond(self, request: Request) -> Response:
        """Run the checks and return their results."""
        try:
            checks = self._select(request)
        except (PermissionError, UnknownCheckError) as error:
            return self._refuse(error)
        return self._report(self._state.runner.run(checks), request)

    async def arespond(self, request: Request) -> Response:
        """Run the checks on the running event loop and return their results."""
        try:
            checks = self._select(request)
        except (PermissionError, UnknownCheckError) as error:
            return self._refuse(error)
        return self._report(await self._state.runner.arun(checks), request)

    def _select(self, request: Request) -> tuple[Check, ...]:
        checks = tuple(self._state.registry.checks().values())
        if self._group is not None:
            checks = pick(checks, self._group)
        if not request.query:
            return checks
        parameters = request.parameters()
        wanted = readers.names(",".join(parameters.get("checks", ())))
        excluded = readers.names(",".join(parameters.get("exclude", ())))
        if (wanted or excluded) and not self._state.may_see_details(request):
            # With one check selected, the status would reveal a hidden result.
            raise PermissionError
        left_out = {check.name for check in pick(checks, excluded)}
        picked = pick(checks, wanted) if wanted else checks
        return tuple(check for check in picked if check.name not in left_out)

    def _refuse(self, error: PermissionError | UnknownCheckError) -> Response:
        if isinstance(error, PermissionError):
            text = "Only requests that may see the details may select checks."
            return Response.json(403, {"error": text})
        if self._group is not None and error.name in self._group:
            log_safely(logger, logging.ERROR, "A group has an unknown check: %s", error)
            return Response.json(500, {"error": "The group has an unknown check."})
        return Response.json(400, {"error": str(error)})

    def _report(self, results: ChecksResults, request: Request) -> Response:
        results = self._state.report(results)
        body: dict[str, Any] = {"status": level_to_text(results.level)}
        if self._state.may_see_details(request):
            body["checks"] = _redacted(results.statuses)
            body["details"] = {
                redact(name): {**detail, "messages": _redacted(detail["messages"])}
                for name, detail in results.details.items()
            }
            if request.query and "verbose" in request.parameters():
                body["timings"] = results.timings
        failed_status = self._state.settings.heartbeat_failed_status_code
        return Response.json(failed_status if results.failed else 200, plain(body))


def _redacted(texts: dict[str, str]) -> dict[str, str]:
    return {redact(key): _shown(text) for key, text in texts.items()}


def _shown(text: str) -> str:
    # Cut again after masking: a first cut within a URL hides its "@" from `redact`.
    return redact(text[: 2 * MAX_TEXT])[:MAX_TEXT]


def _details_policy(policy: str | Callable[..., bool]) -> Callable[[Request], bool]:
    if policy in ("full", "status"):
        return lambda _: policy == "full"
    if isinstance(policy, str):
        return bearer(policy)
    return lambda request: _allows(policy, request)


def _allows(policy: Callable[..., bool], request: Request) -> bool:
    try:
        return policy(request) is True
    except (Exception, SystemExit) as error:
        text = "The callable of the setting details raised; the details are hidden."
        log_safely(logger, logging.ERROR, text, error=error)
        return False
