"""The signals that a heartbeat sends when it has its level, as Django's.

Receivers are called with ``level``, the highest level of any message; the sender is
`dockerflow_mw.django.views.heartbeat`, whichever way the heartbeat came in::

    from django.dispatch import receiver
    from dockerflow_mw.django.signals import heartbeat_failed

    @receiver(heartbeat_failed)
    def count(sender, level, **kwargs):
        statsd.incr("heartbeat.failed")

A receiver that raises is logged by Django and changes nothing.
"""

from __future__ import annotations

from django.dispatch import Signal

heartbeat_passed = Signal()
"""Sent when no check fails the heartbeat."""

heartbeat_failed = Signal()
"""Sent when a check fails the heartbeat."""
