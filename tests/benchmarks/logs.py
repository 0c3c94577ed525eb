"""Handlers of the request summaries during a measurement.

Both packages log to ``request.summary``. Each candidate runs with its own handler alone
on this logger. With the other package's handler as well, each line would be formatted
twice.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dockerflow.logging import MozlogFormatter as PeerFormatter
from dockerflow.logging import MozlogHandler as PeerHandler

from dockerflow_mw.logging import MozlogFormatter, MozlogHandler

if TYPE_CHECKING:
    from tests.benchmarks.measure import Around

NULL = open(os.devnull, "w")  # noqa: SIM115  # open until the end, as stdout is

logger = logging.getLogger("request.summary")
logger.propagate = False
# A middleware adds a handler to a logger without handlers.
logger.addHandler(logging.NullHandler())

# Both packages would warn of the missing version.json and of Django's system checks.
logging.getLogger("dockerflow").setLevel(logging.CRITICAL)


def stream_handler(formatter: logging.Formatter) -> logging.Handler:
    """Return the standard library's handler with a formatter, on the null device."""
    handler = logging.StreamHandler(NULL)
    handler.setFormatter(formatter)
    return handler


def log_to(handler: logging.Handler) -> None:
    """Make a handler the only one of the summaries."""
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)


def logged_by(handler: logging.Handler) -> Around:
    """Return a context in which a handler is the only one of the summaries."""

    @contextlib.contextmanager
    def logged() -> Iterator[None]:
        log_to(handler)
        yield
        log_to(logging.NullHandler())

    return logged


@contextlib.contextmanager
def disabled() -> Iterator[None]:
    """Disable the summaries by the level of their logger."""
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(logging.INFO)


our_stream = stream_handler(MozlogFormatter())
their_stream = stream_handler(PeerFormatter())

ours = logged_by(our_stream)
theirs = logged_by(their_stream)
our_handler = logged_by(MozlogHandler(NULL))
their_handler = logged_by(PeerHandler(NULL))
