"""The signals that a heartbeat sends; their sender is the Flask application.

::

    from dockerflow_mw.flask.signals import heartbeat_failed

    @heartbeat_failed.connect_via(app)
    def count(sender, level, **extra):
        statsd.incr("heartbeat.failed")
"""

from dockerflow_mw.signals import heartbeat_failed, heartbeat_passed

__all__ = ["heartbeat_failed", "heartbeat_passed"]
