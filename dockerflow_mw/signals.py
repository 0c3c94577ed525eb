"""Signals that a heartbeat sends when it has its level.

Receivers are called with the sender, which is the middleware, and ``level``, the
highest level of any message, as one of the levels of `dockerflow_mw.checks`::

    from dockerflow_mw.signals import heartbeat_failed

    @heartbeat_failed.connect
    def count(sender, level, **extra):
        statsd.incr("heartbeat.failed")

A receiver that raises is logged and changes nothing. Receivers are called in line, so
that one which takes its time delays the answer; they cannot be coroutine functions.
"""

from __future__ import annotations

import logging

from blinker import Namespace, Signal

from dockerflow_mw.logging import log_safely

logger = logging.getLogger("dockerflow.signals")

_namespace = Namespace()

heartbeat_passed: Signal = _namespace.signal("heartbeat-passed")
"""Sent when no check fails the heartbeat."""

heartbeat_failed: Signal = _namespace.signal("heartbeat-failed")
"""Sent when a check fails the heartbeat."""


def send(signal: Signal, sender: object, level: int) -> None:
    """Call each of the signal's receivers on its own, whatever the others do."""
    for receiver in signal.receivers_for(sender):
        try:
            receiver(sender, level=level)
        except (Exception, SystemExit) as error:
            text = "A receiver of %s raised."
            log_safely(logger, logging.ERROR, text, signal, error=error)
