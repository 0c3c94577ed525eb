"""Where summaries go while something is measured: to the null device, or nowhere.

Both packages use the logger ``request.summary``; each candidate has its own handler
there in its turn, so that a line is formatted once, and as the candidate would.
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

NULL = open(os.devnull, "w")  # noqa: SIM115  # as stdout is, open to the end

logger = logging.getLogger("request.summary")
logger.propagate = False
# Outside of turns there is this one, for without any, middlewares add their own.
logger.addHandler(logging.NullHandler())

# There is no version.json, and Django's system checks find something; both packages
# would say so.
logging.getLogger("dockerflow").setLevel(logging.CRITICAL)


def stream_handler(formatter: logging.Formatter) -> logging.Handler:
    """Make the standard library's handler, with a formatter."""
    handler = logging.StreamHandler(NULL)
    handler.setFormatter(formatter)
    return handler


def log_to(handler: logging.Handler) -> None:
    """Have the summaries logged by a handler alone."""
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)


def logged_by(handler: logging.Handler) -> Around:
    """Give what has the summaries logged by a handler."""

    @contextlib.contextmanager
    def logged() -> Iterator[None]:
        log_to(handler)
        yield
        log_to(logging.NullHandler())

    return logged


@contextlib.contextmanager
def disabled() -> Iterator[None]:
    """Have no summaries logged, as by a level that is above theirs."""
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(logging.INFO)


our_stream = stream_handler(MozlogFormatter())
their_stream = stream_handler(PeerFormatter())

ours = logged_by(our_stream)
theirs = logged_by(their_stream)
our_handler = logged_by(MozlogHandler(NULL))
their_handler = logged_by(PeerHandler(NULL))
