"""Whether an HTTP service answers, through httpx.

::

    from dockerflow_mw import checks
    from dockerflow_mw.checks.builtin.http import http_reachable

    checks.register(http_reachable("https://api.example.com/__lbheartbeat__"))

Somebody else's service that is down must not take this one down as well, so the check
is not critical: it is shown and logged, and the heartbeat is still 200. Where this
service is of no use without the other one, register it with ``critical=True``.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import time
from collections.abc import Container
from typing import TYPE_CHECKING, Any, Literal

from dockerflow_mw import health
from dockerflow_mw.checks.builtin.base import SECONDS, BuiltInCheck, Messages, Outcome
from dockerflow_mw.checks.messages import Error
from dockerflow_mw.settings.readers import positive_seconds, setting

if TYPE_CHECKING:
    from httpx import URL, AsyncClient, Client, Request, Response

ACCEPTED_STATUSES = range(200, 300)

MAX_REDIRECTS = 5


def http_reachable(
    url: str,
    *,
    client: Client | AsyncClient | None = None,
    method: Literal["GET", "HEAD"] = "GET",
    statuses: Container[int] = ACCEPTED_STATUSES,
    timeout: float = 2.0,
    off_host_redirects: bool = False,
) -> BuiltInCheck:
    """Make the check that an HTTP service answers.

    A response whose status is accepted ends the check; the body is not read. A
    redirect that is not accepted is followed, five times at most.

    Args:
        url: what to ask for; relative to the client's ``base_url``, if it has one.
        client: the application's own ``httpx.Client`` or ``AsyncClient``; by default
            one is made at the first probe of a process, and kept.
        method: ``"GET"`` or ``"HEAD"``.
        statuses: the accepted statuses, by default 200 to 299.
        timeout: how long the whole may take, in seconds.
        off_host_redirects: whether to follow redirects to another host, port or
            scheme; from http to https on the same host they always are.

    Raises:
        ValueError: an argument is not allowed.
    """
    client = setting(
        "client", client, _client, "an httpx Client or AsyncClient", secret=True
    )
    target = _target(url, client)
    question = _Question(
        target,
        client,
        setting("method", method, _method, "GET or HEAD"),
        setting("statuses", statuses, _statuses, "a set of whole numbers"),
        setting("timeout", timeout, positive_seconds, SECONDS),
        off_host_redirects,
    )
    plain = target.copy_with(userinfo=b"", query=None, fragment=None)
    distinction = target.query.decode("latin-1")
    return BuiltInCheck(
        "http_reachable", question, str(plain), distinction, critical=False
    )


def _target(url: str, client: Client | AsyncClient | None) -> URL:
    import httpx

    try:
        target = httpx.URL(url)
        if client is not None:
            target = client.build_request("GET", target).url
    except (TypeError, httpx.InvalidURL) as error:
        # None of these errors shows the URL, because it may hold credentials.
        raise ValueError(f"url cannot be read ({type(error).__name__}).") from None
    if target.scheme not in ("http", "https") or not target.host:
        raise ValueError("url has no host; it must begin with http:// or https://.")
    return target


def _client(value: object) -> Client | AsyncClient | None:
    import httpx

    if value is None or isinstance(value, (httpx.Client, httpx.AsyncClient)):
        return value
    raise ValueError


def _method(value: object) -> str:
    if value not in ("GET", "HEAD"):
        raise ValueError
    return str(value)


def _statuses(value: object) -> Container[int]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Container):
        raise ValueError
    return value


@dataclasses.dataclass(frozen=True, slots=True)
class _Step:
    """A request to send, the first one or to where a redirect leads."""

    request: Request
    number: int

    def options(self, ends: float) -> dict[str, Any]:
        """Give the keyword arguments to send it with.

        Raises:
            TimeoutError: the time is up.
        """
        import httpx

        remaining = ends - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the time was up before a redirect was followed")
        self.request.extensions["timeout"] = httpx.Timeout(remaining).as_dict()
        options = {"stream": True, "follow_redirects": False}
        # Behind a redirect, httpx has put into the request what the host may know.
        return options | ({"auth": None} if self.number else {})


class _Question:
    """Asks an HTTP service, with the application's client or one of its own."""

    def __init__(
        self,
        url: URL,
        client: Client | AsyncClient | None,
        method: str,
        statuses: Container[int],
        timeout: float,
        off_host_redirects: bool,
    ) -> None:
        self._url = url
        self._client = client
        self._method = method
        self._statuses = statuses
        self._timeout = timeout
        self._off_host_redirects = off_host_redirects
        # By process, because a child must not touch its parent's connections.
        self._own: dict[int, Client] = {}

    def __call__(self) -> Outcome:
        import httpx

        if isinstance(self._client, httpx.AsyncClient):
            return self._ask_async(self._client)
        return self._ask(self._client or self._own_client())

    def _own_client(self) -> Client:
        import httpx

        pid = os.getpid()
        if pid not in self._own:
            self._own[pid] = httpx.Client()
        return self._own[pid]

    def _ask(self, client: Client) -> Messages:
        import httpx

        ends = time.monotonic() + self._timeout
        judged: Messages | _Step = self._first(client)
        try:
            while isinstance(judged, _Step):
                response = client.send(judged.request, **judged.options(ends))
                response.close()
                judged = self._judge(response, judged.number)
        except (httpx.HTTPError, OSError) as error:
            return [_unreachable(error)]
        return judged

    async def _ask_async(self, client: AsyncClient) -> Messages:
        import httpx

        ends = time.monotonic() + self._timeout
        judged: Messages | _Step = self._first(client)
        try:
            # httpx itself has a timeout for each read, and not for the whole.
            async with asyncio.timeout(self._timeout):
                while isinstance(judged, _Step):
                    response = await client.send(judged.request, **judged.options(ends))
                    await response.aclose()
                    judged = self._judge(response, judged.number)
        except (httpx.HTTPError, OSError) as error:
            return [_unreachable(error)]
        return judged

    def _first(self, client: Client | AsyncClient) -> _Step:
        return _Step(client.build_request(self._method, self._url), 0)

    def _judge(self, response: Response, number: int) -> Messages | _Step:
        status = response.status_code
        if status in self._statuses:
            return []
        request = response.next_request
        if request is None:
            text = f"The service answers with the status {status}."
            return [Error(text, id=health.ERROR_HTTP_STATUS)]
        if not self._off_host_redirects and not _stays(response.url, request.url):
            text = f"The service redirects to another host (status {status})."
            hint = "Allow that with off_host_redirects=True, or accept the status."
            return [Error(text, id=health.ERROR_HTTP_REDIRECT, hint=hint)]
        if number == MAX_REDIRECTS:
            text = f"The service redirects more than {MAX_REDIRECTS} times."
            return [Error(text, id=health.ERROR_HTTP_REDIRECT)]
        return _Step(request, number + 1)


def _stays(here: URL, there: URL) -> bool:
    if here.host != there.host:
        return False
    if (here.scheme, there.scheme) == ("http", "https"):
        return True
    return here.scheme == there.scheme and _port(here) == _port(there)


def _port(url: URL) -> int:
    return url.port or {"http": 80, "https": 443}[url.scheme]


def _unreachable(error: Exception) -> Error:
    text = f"The service cannot be reached ({type(error).__name__})."
    return Error(text, id=health.ERROR_HTTP_UNREACHABLE, obj=error)
