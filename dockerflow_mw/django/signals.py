"""Django signals that a heartbeat sends when its checks are done.

Receivers are called with ``level``, the highest level of any message. The sender is
`dockerflow_mw.django.views.heartbeat`, also if the middleware answers. If a receiver
raises, Django logs the exception and the heartbeat stays as it is.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from typing import Any

from asgiref.sync import sync_to_async
from django.core import signals as django_signals
from django.dispatch import Signal

from dockerflow_mw import signals, summary
from dockerflow_mw.django import views
from dockerflow_mw.django.service import forget_service
from dockerflow_mw.django.system import is_on_event_loop

__all__ = ["heartbeat_failed", "heartbeat_passed"]

heartbeat_passed = Signal()
"""Sent when no check fails the heartbeat."""

heartbeat_failed = Signal()
"""Sent when a check fails the heartbeat."""

# An event loop holds its tasks weakly; see `asyncio.create_task`.
_tasks: set[asyncio.Future[Any]] = set()


def connect() -> None:
    """Connect the receivers, once in a process."""
    django_signals.got_request_exception.connect(_record_exception)
    django_signals.request_finished.connect(finish_summary)
    django_signals.setting_changed.connect(forget_service)
    signals.heartbeat_passed.connect(_send_passed)
    signals.heartbeat_failed.connect(_send_failed)


def _record_exception(**_: Any) -> None:
    current, error = summary.current(), sys.exc_info()[1]
    if current is not None and error is not None:
        current.record_exception(error)


def finish_summary(**_: Any) -> None:
    """Remove a request's summary from the context, after Django's last log record."""
    current = summary.current()
    # An open summary belongs to an outer middleware.
    if current is not None and current.closed:
        current.finish()


def _send(signal: Signal, _: object, level: int) -> None:
    if not is_on_event_loop():
        signal.send_robust(sender=views.heartbeat, level=level)
        return
    # On a thread: receivers may query the database.
    sending = sync_to_async(signal.send_robust)(sender=views.heartbeat, level=level)
    task = asyncio.ensure_future(sending)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


_send_passed = functools.partial(_send, heartbeat_passed)
_send_failed = functools.partial(_send, heartbeat_failed)
