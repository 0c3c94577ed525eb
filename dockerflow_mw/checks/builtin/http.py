"""Checks whether an HTTP service answers, through httpx.

An external service that is down must not take this service down, too. So the check is
not critical: it is shown and logged, and the heartbeat stays 200. If this service
cannot work without the other one, register the check with ``critical=True``.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from dockerflow_mw import health
from dockerflow_mw.checks.builtin.base import SECONDS, BuiltInCheck, Messages, Outcome
from dockerflow_mw.checks.messages import Error
from dockerflow_mw.checks.process import PerProcess
from dockerflow_mw.settings.readers import (
    choice,
    listed,
    number,
    positive_seconds,
    setting,
)

if TYPE_CHECKING:
    from httpx import URL, AsyncClient, Client, Request, Response

ACCEPTED_STATUSES = range(200, 300)

MAX_REDIRECTS = 5

_METHODS = choice({"get": "GET", "head": "HEAD"})
_STATUSES = listed(number(int))


def http_reachable(
    url: str,
    *,
    client: Client | AsyncClient | None = None,
    method: Literal["GET", "HEAD"] = "GET",
    statuses: Iterable[int] = ACCEPTED_STATUSES,
    timeout: float = 2.0,
    off_host_redirects: bool = False,
) -> BuiltInCheck:
    """Return a check that an HTTP service answers.

    The check ends with the first response whose status is accepted, and reads no body.
    It follows up to five redirects.

    Args:
        url: the URL; relative to the ``base_url`` of the client, if it has one.
        client: an ``httpx.Client`` or ``AsyncClient`` of the application. By default,
            the first probe of each process makes a client.
        method: ``"GET"`` or ``"HEAD"``.
        statuses: the accepted statuses.
        timeout: how long the check may take with all redirects, in seconds.
        off_host_redirects: whether to follow redirects to another host, port or
            scheme. A redirect from http to https on one host is always followed.

    Raises:
        ValueError: an argument is not allowed.
    """
    import httpx

    if not isinstance(client, (httpx.Client, httpx.AsyncClient, type(None))):
        raise ValueError(
            f"client is {type(client).__name__}; it must be an httpx Client or"
            " AsyncClient."
        )
    target = _target(url, client)
    check = _HTTPCheck(
        target,
        client or PerProcess(lambda: httpx.Client()),
        setting("method", method, _METHODS, "GET or HEAD"),
        setting("statuses", statuses, _STATUSES, "a set of whole numbers"),
        setting("timeout", timeout, positive_seconds, SECONDS),
        off_host_redirects,
    )
    plain = str(target.copy_with(userinfo=b"", query=None, fragment=None))
    return BuiltInCheck("http_reachable", check, plain, target.query, critical=False)


def _target(url: str, client: Client | AsyncClient | None) -> URL:
    import httpx

    try:
        target = httpx.URL(url)
        if client is not None:
            target = client.build_request("GET", target).url
    except (TypeError, httpx.InvalidURL) as error:
        # The URL may contain credentials, so no error text shows it.
        raise ValueError(f"url cannot be read ({type(error).__name__}).") from None
    if target.scheme not in ("http", "https") or not target.host:
        raise ValueError("url has no host; it must begin with http:// or https://.")
    return target


@dataclasses.dataclass(frozen=True, repr=False)
class _HTTPCheck:
    url: URL
    client: Client | AsyncClient | PerProcess[Client]
    method: str
    statuses: tuple[int, ...]
    timeout: float
    off_host_redirects: bool

    def __call__(self) -> Outcome:
        import httpx

        own = self.client
        client = own.get() if isinstance(own, PerProcess) else own
        request = client.build_request(self.method, self.url)
        ends = time.monotonic() + self.timeout
        if isinstance(client, httpx.AsyncClient):
            return self._check_async(client, request, ends)
        return self._check(client, request, ends)

    def _check(
        self, client: Client, request: Request, ends: float, redirects: int = 0
    ) -> Messages:
        import httpx

        try:
            response = client.send(request, **_options(request, redirects, ends))
            response.close()
        except (httpx.HTTPError, OSError) as error:
            return [_unreachable(error)]
        step = self._next(response, redirects)
        if isinstance(step, list):
            return step
        return self._check(client, step, ends, redirects + 1)

    async def _check_async(
        self, client: AsyncClient, request: Request, ends: float, redirects: int = 0
    ) -> Messages:
        import httpx

        try:
            options = _options(request, redirects, ends)
            # httpx limits each read, not the whole request.
            async with asyncio.timeout(ends - time.monotonic()):
                response = await client.send(request, **options)
                await response.aclose()
        except (httpx.HTTPError, OSError) as error:
            return [_unreachable(error)]
        step = self._next(response, redirects)
        if isinstance(step, list):
            return step
        return await self._check_async(client, step, ends, redirects + 1)

    def _next(self, response: Response, redirects: int) -> Request | Messages:
        """Return the request to follow a redirect, or the messages of the check."""
        status, request = response.status_code, response.next_request
        if status in self.statuses:
            return []
        if request is None:
            text = f"The service answers with the status {status}."
            return [Error(text, id=health.ERROR_HTTP_STATUS)]
        if not self.off_host_redirects and not _same_host(response.url, request.url):
            text = f"The service redirects to another host (status {status})."
            hint = "Allow that with off_host_redirects=True, or accept the status."
            return [Error(text, id=health.ERROR_HTTP_REDIRECT, hint=hint)]
        if redirects == MAX_REDIRECTS:
            text = f"The service redirects more than {MAX_REDIRECTS} times."
            return [Error(text, id=health.ERROR_HTTP_REDIRECT)]
        return request


def _options(request: Request, redirects: int, ends: float) -> dict[str, Any]:
    """Return the arguments for sending a request, with the time that is left.

    Raises:
        TimeoutError: no time is left.
    """
    import httpx

    remaining = ends - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("The redirects took too long.")
    request.extensions["timeout"] = httpx.Timeout(remaining).as_dict()
    # The credentials of the client are for the first host only. For a redirect, httpx
    # has put into the request all that its host may get.
    auth = None if redirects else httpx.USE_CLIENT_DEFAULT
    return {"stream": True, "follow_redirects": False, "auth": auth}


def _same_host(here: URL, there: URL) -> bool:
    # The port of a URL is None if it is the default port of the scheme.
    is_upgrade = (here.scheme, there.scheme) == ("http", "https")
    is_same_port = (here.scheme, here.port) == (there.scheme, there.port)
    return here.host == there.host and (is_upgrade or is_same_port)


def _unreachable(error: Exception) -> Error:
    text = f"The service cannot be reached ({type(error).__name__})."
    return Error(text, id=health.ERROR_HTTP_UNREACHABLE, obj=error)
