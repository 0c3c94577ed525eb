"""Asks an application in process, as a server that follows its protocol would."""

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
"""What probes call a service by: an address."""

ANSWERS_WITHIN = 30.0


def ask_wsgi(application: Any, paths: Sequence[str]) -> list[Answer]:
    """Ask a WSGI application for some paths."""
    client = Client(_started_as_servers_do(application))
    answers = []
    for path in paths:
        # Buffered is the server's way: the body is read to its end and then closed.
        got = client.get(path, base_url=f"http://{HOST}", buffered=True)
        answers.append(Answer(got.status_code, dict(got.headers), got.data))
    return answers


def _started_as_servers_do(application: Any) -> Any:
    # Werkzeug's client raises what an application reports with its own error page,
    # while a server that has sent nothing yet sends that page (PEP 3333).
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
    """Ask an ASGI application for some paths.

    Args:
        application: the application.
        paths: what to ask for.
        lifespan: whether to start the application up first, which most frameworks
            need and others refuse.
        raises: whether what the application raises is raised here; else it is a 500.
    """
    return asyncio.run(_ask_asgi(application, paths, lifespan, raises))


async def _ask_asgi(
    application: Any, paths: Sequence[str], lifespan: bool, raises: bool
) -> list[Answer]:
    if inspect.isclass(application):
        application = double_to_single_callable(application)
    transport = httpx.ASGITransport(application, raise_app_exceptions=raises)
    alive = _lifespan(application) if lifespan else contextlib.nullcontext()
    async with (
        alive,
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
