"""Signals of the heartbeat, sent at each probe.

Receivers are called with the sender, which is the middleware, and ``level``, the
highest level of any message as an integer::

    from dockerflow_mw.signals import heartbeat_failed

    @heartbeat_failed.connect
    def count(sender, level, **extra):
        statsd.incr("heartbeat.failed")

If a receiver raises, the error is logged and the response stays the same. Receivers
are plain functions, not coroutine functions. The response waits for each of them.
"""

from __future__ import annotations

import logging

from blinker import Namespace, Signal

from dockerflow_mw.logging import log_safely

__all__ = ["heartbeat_failed", "heartbeat_passed"]

logger = logging.getLogger("dockerflow.signals")

_namespace = Namespace()

heartbeat_passed: Signal = _namespace.signal("heartbeat-passed")
"""Sent if no check fails the heartbeat."""

heartbeat_failed: Signal = _namespace.signal("heartbeat-failed")
"""Sent if a check fails the heartbeat."""


def send(signal: Signal, sender: object, level: int) -> None:
    """Call all receivers of a signal. An error of one does not stop the others."""
    for receiver in signal.receivers_for(sender):
        try:
            receiver(sender, level=level)
        except (Exception, SystemExit) as error:
            text = "A receiver of %s raised."
            log_safely(logger, logging.ERROR, text, signal, error=error)
