"""Clients and servers in process for ASGI applications."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
from asgiref.testing import ApplicationCommunicator

ANSWERS_WITHIN = 30.0


def client_of(app: Any) -> httpx.AsyncClient:
    """Return a client of an application without a start-up; an exception is a 500."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://10.0.0.7")


@contextlib.asynccontextmanager
async def started(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Start an application, yield a client of it, and stop the application."""
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    server = ApplicationCommunicator(app, scope)
    await reach(server, "startup")
    async with client_of(app) as client:
        yield client
    await reach(server, "shutdown")
    await server.wait(ANSWERS_WITHIN)


async def reach(server: Any, state: str) -> None:
    """Run the start-up or the shut-down of an application."""
    await server.send_input({"type": f"lifespan.{state}"})
    message = await server.receive_output(ANSWERS_WITHIN)
    assert message["type"] == f"lifespan.{state}.complete", message
