"""Requests to applications in process, as servers send them."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
from asgiref.compatibility import double_to_single_callable
from asgiref.testing import ApplicationCommunicator
from werkzeug.test import Client

from tests.doors import Answer

HOST = "10.0.0.7"
"""The host of the requests; probes use an IP address."""

ANSWERS_WITHIN = 30.0


def ask_wsgi(application: Any, paths: Sequence[str]) -> list[Answer]:
    """Send GET requests to a WSGI application.

    Args:
        application: the application.
        paths: the paths of the requests.
    """
    client = Client(_with_error_pages(application))
    answers = []
    for path in paths:
        # With buffered=True the client closes the body after its end, as servers do.
        got = client.get(path, base_url=f"http://{HOST}", buffered=True)
        answers.append(Answer(got.status_code, dict(got.headers), got.data))
    return answers


def _with_error_pages(application: Any) -> Any:
    # Werkzeug's client raises the exc_info of start_response. PEP 3333: if no headers
    # were sent, servers send the error page.
    def served(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            return start_response(status, headers)

        return application(environ, start)

    return served


def ask_asgi(
    application: Any,
    paths: Sequence[str],
    *,
    lifespan: bool = False,
    raises: bool = False,
) -> list[Answer]:
    """Send GET requests to an ASGI application.

    Args:
        application: the application.
        paths: the paths of the requests.
        lifespan: whether to start the application first. Most frameworks need that,
            others refuse it.
        raises: whether to raise the exceptions of the application; otherwise they are
            500 responses.
    """
    return asyncio.run(_ask_asgi(application, paths, lifespan, raises))


async def _ask_asgi(
    application: Any, paths: Sequence[str], lifespan: bool, raises: bool
) -> list[Answer]:
    if inspect.isclass(application):
        application = double_to_single_callable(application)
    transport = httpx.ASGITransport(application, raise_app_exceptions=raises)
    context = _lifespan(application) if lifespan else contextlib.nullcontext()
    async with (
        context,
        asyncio.timeout(ANSWERS_WITHIN),
        httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client,
    ):
        got = [await client.get(path) for path in paths]
    return [Answer(g.status_code, dict(g.headers), g.content) for g in got]


@contextlib.asynccontextmanager
async def _lifespan(application: Any) -> AsyncIterator[None]:
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    server = ApplicationCommunicator(application, scope)
    await _reach(server, "startup")
    yield
    await _reach(server, "shutdown")
    await server.wait(ANSWERS_WITHIN)


async def _reach(server: Any, state: str) -> None:
    await server.send_input({"type": f"lifespan.{state}"})
    message = await server.receive_output(ANSWERS_WITHIN)
    assert message["type"] == f"lifespan.{state}.complete", message
