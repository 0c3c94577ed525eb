"""The ASGI middleware (ASGI 3, HTTP and websocket specification 2.5)."""

from __future__ import annotations

import logging

from dockerflow_mw.endpoints.http import Endpoint, Request, Response
from dockerflow_mw.protocols.asgi_events import (
    add_request_id,
    observe_http,
    observe_receive,
    observe_websocket_send,
    record_failure,
    record_unfinished,
)
from dockerflow_mw.protocols.types import ASGIApp, Message, Receive, Scope, Send
from dockerflow_mw.service import Service
from dockerflow_mw.settings import SettingsError
from dockerflow_mw.summary import Summary
from dockerflow_mw.summary import logger as summary_logger
from dockerflow_mw.summary.log import RequestLog

SUMMARY_KEY = "dockerflow_mw.summary"
"""The key of the open summary in the scope."""


class ASGIMiddleware:
    """A middleware that serves the endpoints and logs a summary of each request.

    Args:
        app: the wrapped application, which serves all other paths.
        service: the settings, checks and endpoints.
        logger: the logger of the summaries; None leaves the logging to an inner
            middleware of this package.
    """

    def __init__(
        self,
        app: ASGIApp,
        service: Service,
        logger: logging.Logger | None = summary_logger,
    ) -> None:
        self.app = app
        self.service = service
        self._logger = logger
        self._started = False
        self._configure()

    def _configure(self) -> None:
        settings = self.service.settings
        self._endpoints = self.service.routes
        self._log = RequestLog(settings, _header_key, self._logger)
        echo = settings.response_header_name
        self._echo = None if echo is None else _header_key(echo)
        # Probes are frequent: skip a summary that no record and no header shows.
        self._skips_summaries = echo is None and settings.log_probes != "all"
        self._logs_websockets = settings.summary_log_websockets

    def _start(self) -> str | None:
        mistake = self.service.start()
        self._configure()
        self._started = True
        return mistake

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope. Scopes of unknown types pass through."""
        if scope["type"] != "http":
            await self._serve_other(scope, receive, send)
            return
        endpoint = self._find(scope)
        if not self._started and (endpoint is None or not endpoint.fixed):
            # A configuration error is logged: a request is too late to raise it.
            self._start()
            endpoint = self._find(scope)
        shared: Summary | None = scope.get(SUMMARY_KEY)
        if shared is not None and not shared.closed:
            shared.adopt(self._log.on_close, endpoint is not None)
            await self._respond(endpoint, scope, receive, send)
            return
        if endpoint is not None and self._skips_summaries:
            response = endpoint.fixed.get(scope["method"])
            if response is not None:
                await _send_response(response, send)
                return
        summary = self._open(scope, scope["method"], endpoint is not None)
        if summary.enabled or self._echo is not None:
            receive, send = observe_http(summary, receive, send, self._echo)
        try:
            # Without `_respond`, a page costs one coroutine less.
            if endpoint is None:
                await self.app(scope, receive, send)
            else:
                await self._respond(endpoint, scope, receive, send)
            if summary.started and not summary.closed:
                record_unfinished(summary)
        except BaseException as error:
            record_failure(summary, error)
            raise
        finally:
            summary.finish()

    def _find(self, scope: Scope) -> Endpoint | None:
        path, root = scope["path"], scope.get("root_path")
        if root:
            # Some servers include the mount point in the path, others do not.
            path = path.removeprefix(root.rstrip("/"))
        return self._endpoints.get(path)

    async def _respond(
        self, endpoint: Endpoint | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if endpoint is None:
            await self.app(scope, receive, send)
        else:
            await _send_response(await endpoint.aanswer(request_from(scope)), send)

    async def _serve_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "websocket":
            await self._serve_websocket(scope, receive, send)
        elif kind == "lifespan":
            await self._serve_lifespan(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _serve_websocket(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if not self._started:
            self._start()
        shared: Summary | None = scope.get(SUMMARY_KEY)
        if shared is not None and not shared.closed:
            shared.adopt(self._log.on_close, probe=False)
            await self.app(scope, receive, send)
            return
        # A websocket's scope has no method. RFC 6455, section 4.1: it is a GET request.
        summary = self._open(scope, "GET")
        if self._logs_websockets:
            summary.mark(type="websocket")
            receive = observe_receive(summary, receive)
            send = observe_websocket_send(summary, send)
        if self._echo is not None:
            send = add_request_id(self._echo, summary.rid, send)
        try:
            await self.app(scope, receive, send)
        except BaseException as error:
            record_failure(summary, error)
            raise
        finally:
            if not self._logs_websockets:
                # Without a log record, `finish` only restores the previous summary.
                summary.discard()
            summary.finish()

    async def _serve_lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def observed(message: Message) -> None:
            mistake = None
            if message["type"] == "lifespan.startup.complete" and not self._started:
                mistake = self._start()
            if mistake is not None:
                await send({"type": "lifespan.startup.failed", "message": mistake})
                raise SettingsError(mistake)
            await send(message)

        await self.app(scope, receive, observed)

    def _open(self, scope: Scope, method: str, probe: bool = False) -> Summary:
        pairs = scope["headers"]
        if not isinstance(pairs, (list, tuple)):
            # ASGI allows any iterable. A generator would be empty for the application.
            pairs = scope["headers"] = list(pairs)
        headers = dict(pairs)
        summary = scope[SUMMARY_KEY] = self._log.open(
            headers,
            method,
            scope["path"],
            headers.get(b"user-agent", b""),
            headers.get(b"accept-language", b""),
            scope.get("query_string") or b"",
            probe,
        )
        return summary


def _header_key(header_name: str) -> bytes:
    return header_name.lower().encode("latin-1")


def request_from(scope: Scope) -> Request:
    """Return the request of a scope."""
    headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
    query = (scope.get("query_string") or b"").decode("latin-1")
    return Request(scope["method"], query, headers)


async def _send_response(response: Response, send: Send) -> None:
    # A new list: an outer middleware that adds to it must not change the next response.
    headers = list(response.encoded)
    start = {"type": "http.response.start", "status": response.status}
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
