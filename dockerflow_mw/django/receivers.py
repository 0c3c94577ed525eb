"""What is connected to Django's signals, and hands on those of the heartbeat."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from asgiref.sync import sync_to_async
from django.core import signals as django_signals
from django.dispatch import Signal

from dockerflow_mw import signals, summary
from dockerflow_mw.django import site, views
from dockerflow_mw.django.signals import heartbeat_failed, heartbeat_passed


def connect() -> None:
    """Connect the receivers, once in a process however often it is called."""
    for signal, receiver in (
        (django_signals.got_request_exception, tell_error),
        (django_signals.request_finished, leave),
        (django_signals.setting_changed, site.forget),
    ):
        name = f"dockerflow_mw.{receiver.__name__}"
        # They are functions of this module, which nobody has to hold weakly.
        signal.connect(receiver, weak=False, dispatch_uid=name)
    signals.heartbeat_passed.connect(passed)
    signals.heartbeat_failed.connect(failed)


def tell_error(request: Any = None, **_: Any) -> None:
    """Tell the summary of an exception that Django turns into a response."""
    record = None if request is None else site.record_of(request)
    error = sys.exc_info()[1]
    if record is not None and error is not None:
        record.fail(error)


def leave(**_: Any) -> None:
    """Leave nothing of a request behind, once Django has logged all about it."""
    record = summary.current()
    # One that is not closed is a door's that is further out, and has its own end.
    if record is not None and record.closed:
        summary.leave(record)


def passed(_: object, level: int) -> None:
    """Send the signal of a heartbeat that passed."""
    _send(heartbeat_passed, level)


def failed(_: object, level: int) -> None:
    """Send the signal of a heartbeat that failed."""
    _send(heartbeat_failed, level)


def _send(signal: Signal, level: int) -> None:
    if asyncio._get_running_loop() is None:
        signal.send_robust(sender=views.heartbeat, level=level)
        return
    # A receiver may ask the database, which Django refuses on an event loop.
    sending = getattr(signal, "asend_robust", None) or sync_to_async(signal.send_robust)
    task = asyncio.ensure_future(sending(sender=views.heartbeat, level=level))
    _sending.add(task)
    task.add_done_callback(_sending.discard)


# Of a task that nobody holds, the loop lets go.
_sending: set[asyncio.Future[Any]] = set()
