"""Clients of a Django project in this process, over WSGI and ASGI."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import io
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from django.urls import re_path

from tests.django.door import MIDDLEWARE
from tests.frameworks import django_site


@contextlib.contextmanager
def project(view: Any, *others: str, **changes: Any) -> Iterator[None]:
    """Apply settings with one view, our middleware and others after it."""
    pattern = re_path(r"(?s)^.*\Z", view)
    quiet = {"DOCKERFLOW_CHECKS": ()}
    ours = {"MIDDLEWARE": [MIDDLEWARE, *others], "ROOT_URLCONF": (pattern,)}
    with django_site.site(**{**quiet, **ours, **changes}):
        yield


def ask_wsgi(
    path: str = "/", *, wrap: Any = None, chunks: int | None = None, **environ: Any
) -> tuple[int, bytes]:
    """Return the status and the body of a path over WSGI.

    Args:
        path: the path.
        wrap: returns an application around Django.
        chunks: the number of chunks after which the client disconnects.
        environ: further keys of the environ.
    """
    asked: dict[str, Any] = {"PATH_INFO": path, "wsgi.input": io.BytesIO(), **environ}
    setup_testing_defaults(asked)
    started: list[Any] = []
    handler = django_site.wsgi()
    served = handler if wrap is None else wrap(handler)
    body = served(asked, lambda *args: started.append(args))
    try:
        iterator = iter(body)
        read = [chunk for _, chunk in zip(range(chunks or 99), iterator, strict=False)]
    finally:
        getattr(body, "close", tuple)()
    return int(started[0][0][:3]), b"".join(read)


def ask_asgi(
    path: str = "/", *, wrap: Any = None, leaves: bool = False, stays: bool = True
) -> tuple[int, bytes]:
    """Return the status and the body of a path over ASGI.

    Args:
        path: the path.
        wrap: returns an application around Django.
        leaves: whether the client disconnects after the first chunk.
        stays: whether the client waits for a response.
    """
    handler: Any = django_site.asgi()
    served = handler if wrap is None else wrap(handler)
    ran = contextvars.Context().run(asyncio.run, _ask(served, path, leaves, stays))
    if not ran:
        return 0, b""
    start, *bodies = ran
    return start["status"], b"".join(message["body"] for message in bodies)


async def _ask(served: Any, path: str, leaves: bool, stays: bool) -> list[Any]:
    left, asked = asyncio.Event(), False
    if not stays:
        left.set()
    sent: list[Any] = []

    async def receive() -> Any:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b""}
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append({"body": b"", **message})
        if leaves and message.get("body"):
            left.set()
            await asyncio.sleep(0)

    scope = {"type": "http", "method": "GET", "path": path, "headers": []}
    await served({**scope, "query_string": b""}, receive, send)
    # Tasks that outlive the request, such as the sending of signals.
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
    return sent


def summaries(caplog: pytest.LogCaptureFixture) -> list[Any]:
    """Return the records of requests."""
    return [r for r in caplog.records if r.name == "request.summary"]


ASK: tuple[Callable[..., tuple[int, bytes]], ...] = (ask_wsgi, ask_asgi)
