"""``/__heartbeat__``: whether what the service needs is there."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import Any

from dockerflow_mw import signals
from dockerflow_mw.checks.log import StateLog
from dockerflow_mw.checks.messages import level_to_text
from dockerflow_mw.checks.registry import (
    Check,
    Registry,
    UnknownCheckError,
    pick,
)
from dockerflow_mw.checks.results import ChecksResults
from dockerflow_mw.checks.run import Around
from dockerflow_mw.checks.runner import Runner
from dockerflow_mw.endpoints.http import Endpoint, Request, Response, bearer
from dockerflow_mw.logging import log_safely
from dockerflow_mw.logging.encoding import plain
from dockerflow_mw.redact import redact
from dockerflow_mw.settings import Settings

logger = logging.getLogger("dockerflow.heartbeat")

# What a message is shown of, in characters; the log has the rest.
MAX_TEXT = 4096


class HeartbeatState:
    """What the heartbeats of a middleware share, whatever their paths.

    Args:
        settings: the middleware's settings.
        registry: the checks to run, looked up anew at each request.
        sender: whom the signals come from.
        around: what each check is run inside, on its thread or in its task.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        sender: object,
        around: Around = contextlib.nullcontext,
    ) -> None:
        self.settings = settings
        self.registry = registry
        self.runner = Runner(settings, around)
        self.may_see_details = _details_policy(settings.details)
        self._sender = sender
        self._state_log = StateLog(settings.log_repeat_seconds)

    def report(self, results: ChecksResults) -> ChecksResults:
        """Log what is new of the results, send the signal, and give what counts."""
        results = results.without(self.settings.silenced_checks)
        for result in results:
            self._state_log.write(result)
        passed = signals.heartbeat_passed
        signal = signals.heartbeat_failed if results.failed else passed
        signals.send(signal, self._sender, results.level)
        return results


class Heartbeat(Endpoint):
    """The answer for all checks, or for those of a group.

    A query of ``checks=a,b`` or ``exclude=a`` picks among them by name or tag, and
    ``verbose`` adds how long each took, for people who look for a cause.

    Args:
        heart: what this shares with the other heartbeats of the middleware.
        group: names and tags of the checks to run; None for all.
    """

    def __init__(
        self, heart: HeartbeatState, group: Iterable[str] | None = None
    ) -> None:
        self._heart = heart
        self._group = None if group is None else tuple(group)

    def respond(self, request: Request) -> Response:
        """Run the checks and report."""
        try:
            checks = self._checks(request)
        except (PermissionError, UnknownCheckError) as error:
            return self._refusal(error)
        return self._report(self._heart.runner.run(checks), request)

    async def arespond(self, request: Request) -> Response:
        """Run the checks and report, on an event loop."""
        try:
            checks = self._checks(request)
        except (PermissionError, UnknownCheckError) as error:
            return self._refusal(error)
        return self._report(await self._heart.runner.arun(checks), request)

    def _checks(self, request: Request) -> tuple[Check, ...]:
        registry = self._heart.registry
        if self._group is None:
            checks = tuple(registry.checks().values())
        else:
            checks = registry.select(self._group)
        if not request.query:
            return checks
        parameters = request.parameters()
        wanted = _names(parameters.get("checks", []))
        unwanted = _names(parameters.get("exclude", []))
        if (wanted or unwanted) and not self._heart.may_see_details(request):
            # One check at a time, the status would tell what the details hide.
            raise PermissionError
        left_out = {check.name for check in pick(checks, unwanted)}
        picked = pick(checks, wanted) if wanted else checks
        return tuple(check for check in picked if check.name not in left_out)

    def _refusal(self, error: PermissionError | UnknownCheckError) -> Response:
        if isinstance(error, PermissionError):
            text = "Checks can be picked only by who may see their details."
            return Response.json(403, {"error": text})
        if self._group is not None and error.name in self._group:
            log_safely(logger, logging.ERROR, "A group cannot be answered: %s", error)
            return Response.json(
                500, {"error": "The group has a check that is unknown."}
            )
        return Response.json(400, {"error": str(error)})

    def _report(self, results: ChecksResults, request: Request) -> Response:
        results = self._heart.report(results)
        body: dict[str, Any] = {"status": level_to_text(results.level)}
        if self._heart.may_see_details(request):
            body["checks"] = _redacted(results.statuses)
            body["details"] = {
                redact(name): {**detail, "messages": _redacted(detail["messages"])}
                for name, detail in results.details.items()
            }
            if request.query and "verbose" in request.parameters():
                body["timings"] = results.timings
        failed_status = self._heart.settings.heartbeat_failed_status_code
        return Response.json(failed_status if results.failed else 200, plain(body))


def _names(values: Iterable[str]) -> list[str]:
    return [
        name for value in values for part in value.split(",") if (name := part.strip())
    ]


def _redacted(texts: dict[str, str]) -> dict[str, str]:
    return {redact(key): redact(text[:MAX_TEXT]) for key, text in texts.items()}


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
        text = "The policy of the details raised, so that they are not shown."
        log_safely(logger, logging.ERROR, text, error=error)
        return False
