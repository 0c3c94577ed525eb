"""The endpoints: from a path and a method to a reply, without any protocol."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
import logging
from collections.abc import Callable
from typing import Any, NoReturn

from dockerflow_mw import signals, version
from dockerflow_mw.checks.background import background_loop
from dockerflow_mw.checks.messages import ERROR, level_to_text
from dockerflow_mw.checks.registry import Registry
from dockerflow_mw.checks.results import CheckResult, ChecksResults
from dockerflow_mw.checks.runner import Runner
from dockerflow_mw.logging import log_safely
from dockerflow_mw.redact import redact
from dockerflow_mw.settings import Settings

checks_logger = logging.getLogger("dockerflow.checks")
error_logger = logging.getLogger("dockerflow.error")
version_logger = logging.getLogger("dockerflow.version")


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """A response in plain values, which a protocol carries as it is."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @classmethod
    def of(
        cls,
        status: int,
        body: bytes = b"",
        *,
        content_type: str = "text/plain; charset=utf-8",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Reply:
        """Make a reply with the headers that every reply of ours has."""
        common = (
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
        )
        return cls(status, common + headers, body)

    @classmethod
    def json(cls, status: int, value: object) -> Reply:
        """Make a reply of a JSON value.

        Raises:
            TypeError, ValueError, RecursionError: it is no JSON value.
        """
        body = json.dumps(value, allow_nan=False).encode()
        return cls.of(status, body, content_type="application/json")

    def head(self) -> Reply:
        """Give the reply to HEAD: RFC 9110, section 9.3.2, the headers of GET alone."""
        return dataclasses.replace(self, body=b"")


_METHOD_NOT_ALLOWED = Reply.of(
    405, b"Method Not Allowed\n", headers=(("Allow", "GET, HEAD"),)
)


class Endpoint:
    """One of the paths that the middleware answers itself."""

    def reply(self) -> Reply:
        """Answer GET."""
        raise NotImplementedError

    async def areply(self) -> Reply:
        """Answer GET on an event loop."""
        return self.reply()

    def answer(self, method: str) -> Reply:
        """Answer a request of any method."""
        if method == "GET":
            return self.reply()
        return self.reply().head() if method == "HEAD" else _METHOD_NOT_ALLOWED

    async def aanswer(self, method: str) -> Reply:
        """Answer a request of any method on an event loop."""
        if method == "GET":
            return await self.areply()
        return (await self.areply()).head() if method == "HEAD" else _METHOD_NOT_ALLOWED


class LBHeartbeat(Endpoint):
    """``/__lbheartbeat__``: the process answers, and nothing else is asked."""

    _ALIVE = Reply.of(200)

    def reply(self) -> Reply:
        """Answer with the same reply every time."""
        return self._ALIVE


class Heartbeat(Endpoint):
    """``/__heartbeat__``: whether what the service needs is there.

    Args:
        settings: the middleware's settings.
        registry: the checks to run, looked up anew at each request.
        sender: whom the signals come from.
    """

    def __init__(self, settings: Settings, registry: Registry, sender: object) -> None:
        self._silenced = settings.silenced_checks
        self._failed_status = settings.heartbeat_failed_status_code
        self._registry = registry
        self._sender = sender
        self._runner = Runner()

    def reply(self) -> Reply:
        """Run the checks and report."""
        return self._report(self._runner.run(self._registry.checks().values()))

    async def areply(self) -> Reply:
        """Run the checks and report, on an event loop."""
        return self._report(await self._runner.arun(self._registry.checks().values()))

    def _report(self, results: ChecksResults) -> Reply:
        results = results.without(self._silenced)
        for result in results:
            _log(result)
        level = results.level
        failed = level >= ERROR
        signal = signals.heartbeat_failed if failed else signals.heartbeat_passed
        signals.send(signal, self._sender, level)
        body = {
            "status": level_to_text(level),
            "checks": results.statuses,
            "details": {
                name: detail | {"messages": _redacted(detail["messages"])}
                for name, detail in results.details.items()
            },
        }
        return Reply.json(self._failed_status if failed else 200, body)


def _redacted(messages: dict[str, str]) -> dict[str, str]:
    return {key: redact(text) for key, text in messages.items()}


def _log(result: CheckResult) -> None:
    for message in result.messages:
        log_safely(
            checks_logger,
            message.level,
            "%s: %s",
            result.name,
            redact(message.msg),
            error=result.error,
            extra={
                "check": result.name,
                "id": message.id or "",
                "hint": message.hint or "",
                "duration_ms": round(result.duration * 1000),
            },
        )


class Version(Endpoint):
    """``/__version__``: the version object, read once when the middleware is made.

    Args:
        settings: the middleware's settings.
    """

    def __init__(self, settings: Settings) -> None:
        file = version.find_version_file(settings.version_path)
        self._folder = file.parent
        self._callback = settings.version_callback
        self._reply = _guarded(lambda: version.read_version(file))
        if self._callback is None and self._reply.status == 404:
            log_safely(version_logger, logging.WARNING, "There is no %s.", file)

    def reply(self) -> Reply:
        """Answer with the version object of the file or of the callback."""
        if self._callback is None:
            return self._reply
        return _guarded(self._call, self._callback)

    async def areply(self) -> Reply:
        """Answer as `reply` does, and await an async callback here."""
        if self._callback is None:
            return self._reply
        try:
            value = self._callback(self._folder)
            if inspect.isawaitable(value):
                value = await value
        except Exception as error:
            return _no_version_object(error)
        return _guarded(lambda: value)

    def _call(self, callback: Callable[..., Any]) -> object:
        value = callback(self._folder)
        if not inspect.iscoroutine(value):
            return value
        return asyncio.run_coroutine_threadsafe(value, background_loop.get()).result()


def _guarded(get: Callable[..., object], *args: object) -> Reply:
    try:
        return _version_reply(get(*args))
    except Exception as error:
        return _no_version_object(error)


def _version_reply(value: object) -> Reply:
    if value is None:
        return Reply.json(404, {"error": "There is no version object."})
    return Reply.json(200, value)


def _no_version_object(error: Exception) -> Reply:
    text = "The version object cannot be given."
    log_safely(version_logger, logging.ERROR, text, error=error)
    return Reply.json(500, {"error": "The version object cannot be read."})


class Error(Endpoint):
    """``/__error__``: raises, so that the reporting of errors can be tried out."""

    def reply(self) -> NoReturn:
        """Raise an exception that says what it is for."""
        text = "The __error__ endpoint was called"
        log_safely(error_logger, logging.ERROR, text)
        raise Exception("This is a test exception from the /__error__ endpoint.")


def endpoints(
    settings: Settings, registry: Registry, sender: object
) -> dict[str, Endpoint]:
    """Give the endpoints by path, each with and without one slash at its end."""
    served: dict[str, Endpoint] = {
        "/__version__": Version(settings),
        "/__heartbeat__": Heartbeat(settings, registry, sender),
        "/__lbheartbeat__": LBHeartbeat(),
    }
    if settings.error_endpoint:
        served["/__error__"] = Error()
    return served | {f"{path}/": endpoint for path, endpoint in served.items()}
