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
from dockerflow_mw.protocols.wsgi import outer_record
from dockerflow_mw.summary import Summary

logger = logging.getLogger("dockerflow.django")


def replace_requests() -> None:
    """Replace the class of requests that Django's handlers make, for all the process.

    However often it is called, that is done once. A handler that has a class of its own
    is left alone.
    """
    for handler in (WSGIHandler, ASGIHandler):
        kind = handler.request_class
        if not issubclass(kind, _Telling):
            names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
            handler.request_class = type(kind.__name__, (_Telling, kind), names)


class _Telling:
    # A request that tells its user to the summary that is open for it further out.

    META: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        record = outer_record(getattr(self, "scope", self.META))
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
            # Whoever made it has let go of it, and of its user.
            return
        try:
            uid = uid_of(request)
        except Exception as error:
            text = "Who the user of a request is could not be told."
            log_safely(logger, logging.ERROR, text, error=error)
        else:
            if uid != "":
                record.name_user(uid)
