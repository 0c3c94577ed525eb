"""Has Django's handlers tell a middleware around them who the user of a request is."""

from __future__ import annotations

import logging
import weakref
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest

from dockerflow_mw.django.user import uid_of
from dockerflow_mw.logging import log_safely
from dockerflow_mw.summary import Summary
from dockerflow_mw.wsgi import outer_record

logger = logging.getLogger("dockerflow.django")


def connect() -> None:
    """Change the handlers, once in a process however often it is called."""
    for handler in (WSGIHandler, ASGIHandler):
        kind = handler.request_class
        if not issubclass(kind, _Told):
            names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
            handler.request_class = type(kind.__name__, (_Told, kind), names)


class _Told:
    # The environ or the scope has the summary that a middleware has opened.

    def __init__(self, carrier: dict[str, Any], *args: Any) -> None:
        super().__init__(carrier, *args)  # type: ignore[call-arg]  # a request's
        record = outer_record(carrier)
        if record is not None:
            record.teller = _Teller(self)


class _Teller:
    """Tells a summary that is about to be closed who the user of its request is."""

    def __init__(self, request: HttpRequest) -> None:
        # The request has the environ, which has the summary, which has this.
        self._request = weakref.ref(request)

    def __call__(self, record: Summary) -> None:
        request = self._request()
        if request is None:
            return
        try:
            uid = uid_of(request)
        except Exception as error:
            text = "Who the user of a request is could not be told."
            log_safely(logger, logging.ERROR, text, error=error)
        else:
            if uid != "":
                record.fields = {"uid": uid, **(record.fields or {})}
