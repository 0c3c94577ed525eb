"""The signals that a heartbeat sends, with the Flask application as their sender.

::

    @heartbeat_failed.connect_via(app)
    def count(sender, level, **extra): ...
"""

from __future__ import annotations

from dockerflow_mw.signals import heartbeat_failed, heartbeat_passed

__all__ = ["heartbeat_failed", "heartbeat_passed"]
