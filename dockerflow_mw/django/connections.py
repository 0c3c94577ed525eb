"""The connections that a check opens, which are closed when it is done."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any

from asgiref.sync import ThreadSensitiveContext, iscoroutinefunction, sync_to_async
from django.db import connections

from dockerflow_mw.logging import log_safely

logger = logging.getLogger("dockerflow.django")


@contextlib.contextmanager
def closed_connections() -> Iterator[None]:
    """Close the connections of this thread at the end, which is a check's own.

    The thread of an event loop is not: what a check asks there is asked elsewhere.
    """
    if asyncio._get_running_loop() is not None:
        yield
        return
    try:
        yield
    finally:
        _close_all()


def closing(check: Callable[..., Any], **arguments: Any) -> Callable[[], Any]:
    """Give a check that is called with arguments and closes what it opens.

    Whoever runs it, on a thread that is its own or, where it is async, on any loop.
    """

    @functools.wraps(check)
    def run() -> Any:
        with closed_connections():
            return check(**arguments)

    @functools.wraps(check)
    async def arun() -> Any:
        # With a thread of its own for what Django does in threads.
        async with ThreadSensitiveContext():
            try:
                return await check(**arguments)
            finally:
                await sync_to_async(_close_all)()

    return arun if iscoroutinefunction(check) else run


def _close_all() -> None:
    for connection in connections.all(initialized_only=True):
        _close(connection)


def _close(connection: Any) -> None:
    try:
        connection.close()
        if connection.connection is not None:
            # Django keeps a database in memory; only this connection to it must go.
            connection.connection.close()
            connection.connection = None
    except Exception as error:
        text = "A check's connection to %s could not be closed."
        log_safely(logger, logging.WARNING, text, connection.alias, error=error)
