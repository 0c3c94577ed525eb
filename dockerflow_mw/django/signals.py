"""Django signals that a heartbeat sends when its checks are done.

Receivers are called with ``level``, the highest level of any message. The sender is
`dockerflow_mw.django.views.heartbeat`, also if the middleware answers. If a receiver
raises, Django logs the exception and the heartbeat stays as it is.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.dispatch import Signal

from dockerflow_mw import signals
from dockerflow_mw.django import views
from dockerflow_mw.django.system import is_on_event_loop

__all__ = ["heartbeat_failed", "heartbeat_passed"]

heartbeat_passed = Signal()
"""Sent when no check fails the heartbeat."""

heartbeat_failed = Signal()
"""Sent when a check fails the heartbeat."""

# An event loop holds its tasks weakly; see `asyncio.create_task`.
_tasks: set[asyncio.Future[Any]] = set()


def _send(signal: Signal, _: object, level: int) -> None:
    if not is_on_event_loop():
        signal.send_robust(sender=views.heartbeat, level=level)
        return
    # On a thread: receivers may query the database.
    sending = sync_to_async(signal.send_robust)(sender=views.heartbeat, level=level)
    task = asyncio.ensure_future(sending)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


signals.heartbeat_passed.connect(partial(_send, heartbeat_passed), weak=False)
signals.heartbeat_failed.connect(partial(_send, heartbeat_failed), weak=False)
