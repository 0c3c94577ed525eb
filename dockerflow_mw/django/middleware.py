"""The middleware, for sync and async stacks.

List it first, so that it answers probes before other middleware interferes and records
the response that the client receives.
"""

from __future__ import annotations

import functools
import logging
import re
import time
from collections.abc import Iterable
from typing import Any, ClassVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import LazyObject

from dockerflow_mw.django import signals
from dockerflow_mw.django.service import current_service
from dockerflow_mw.django.stream import observe
from dockerflow_mw.django.views import PATHS, View, to_django
from dockerflow_mw.endpoints.http import Endpoint
from dockerflow_mw.endpoints.version import Version
from dockerflow_mw.logging import log_safely
from dockerflow_mw.protocols import wsgi
from dockerflow_mw.protocols.asgi_events import record_failure
from dockerflow_mw.summary import Summary, current
from dockerflow_mw.summary import logger as summary_logger
from dockerflow_mw.summary.log import RequestLog

__all__ = ["DockerflowMiddleware"]

logger = logging.getLogger("dockerflow.django")


class DockerflowMiddleware:
    """A Django middleware that answers the endpoints and logs request summaries.

    Args:
        get_response: the next middleware or the view.

    Attributes:
        summary_logger: the logger of the summaries.
        viewpatterns: pairs of a compiled pattern and a view. A subclass may replace
            the paths of the endpoints and add views.

    Raises:
        django.core.exceptions.ImproperlyConfigured: a subclass has a method that is
            never called.
        dockerflow_mw.settings.SettingsError: a setting is invalid.
    """

    sync_capable = True
    async_capable = True

    summary_logger: logging.Logger = summary_logger

    viewpatterns: ClassVar[Iterable[tuple[re.Pattern[str], View]]] = [
        (re.compile(rf"{path}/?\Z"), view) for view, path in PATHS.items()
    ]

    def __init__(self, get_response: View | None = None) -> None:
        self.get_response: Any = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        _refuse_unused_methods(type(self))
        signals.connect()
        current_service()

    def __call__(self, request: HttpRequest) -> Any:
        """Return the response to a request, or in an async stack a coroutine of it."""
        if self._is_async:
            return self._acall(request)
        handler, summary, is_own = self._open(request)
        try:
            response = handler(request)
            self._add_fields(request, summary)
            if is_own:
                observe(response, summary, request)
            return response
        except BaseException as error:
            record_failure(summary, error)
            if is_own:
                summary.finish()
            raise

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        handler, summary, is_own = self._open(request)
        try:
            response = await handler(request)
            if current_service().settings.summary_load_user:
                # On a thread: Django refuses queries on an event loop.
                await sync_to_async(self._add_fields)(request, summary)
            else:
                self._add_fields(request, summary)
            if is_own:
                observe(response, summary, request)
            return response
        except BaseException as error:
            record_failure(summary, error)
            if is_own:
                summary.finish()
            raise

    def _open(self, request: HttpRequest) -> tuple[View, Summary, bool]:
        """Return what serves a request, its summary, and whether to close that."""
        found, handler = self._find(request.path_info), self.get_response
        if found is not None:
            answer = functools.partial(_aanswer if self._is_async else _answer, found)
            # Django turns the exception of ``/__error__`` into a response.
            handler = convert_exception_to_response(answer)
        log = current_service().log_to(self.summary_logger)
        return handler, *_summary_of(request, log, found is not None)

    def _find(self, path: str) -> Endpoint | View | None:
        service = current_service()
        for pattern, view in self.viewpatterns:
            if pattern.match(path):
                return service.find(PATHS[view]) if view in PATHS else view
        service.start()
        return service.routes.get(path)

    def _add_fields(self, request: HttpRequest, summary: Summary) -> None:
        try:
            if (uid := _user_id(request)) is not None:
                summary.set_user(uid)
            if type(self)._build_extra_meta is DockerflowMiddleware._build_extra_meta:
                return
            meta = self._build_extra_meta(request)
            # An errno of 0 must not hide a failure.
            fixed = ("code", "rid", "t", *(() if meta.get("errno") else ("errno",)))
            summary.amend({k: v for k, v in meta.items() if k not in fixed})
        except Exception as error:
            # A failure of the log must not replace the response.
            text = "What Django knows of a request could not be logged."
            log_safely(logger, logging.ERROR, text, error=error)

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Do nothing. Django calls the method of a subclass, which may call this one.

        The middleware records exceptions without this method.
        """

    def _build_extra_meta(self, request: HttpRequest) -> dict[str, Any]:
        """Return the fields of a request's summary. A subclass may override this.

        New fields are logged. Fields that the client sent may be replaced or removed.
        The status, the duration, the request id and a failure stay.
        """
        summary, start = current(), request._start_timestamp
        return summary.as_fields(int(1000 * (time.time() - start))) if summary else {}


def _refuse_unused_methods(kind: type[DockerflowMiddleware]) -> None:
    for method in ("process_request", "process_response"):
        if hasattr(kind, method):
            raise ImproperlyConfigured(
                f"{kind.__module__}.{kind.__qualname__}.{method} is never called; move"
                " its code to __call__, or to _build_extra_meta for fields of the"
                " summary."
            )


def _summary_of(
    request: HttpRequest, log: RequestLog, probe: bool
) -> tuple[Summary, bool]:
    """Return the summary of a request, and whether it was opened here.

    The summary of an outer middleware of this package serves this one as well.
    """
    scope = getattr(request, "scope", None)
    holder: dict[str, Any] = scope if isinstance(scope, dict) else request.META
    outer = wsgi.outer_summary(holder)
    summary = outer or wsgi.open_summary(log, request.META, probe)
    if outer is None:
        # Django decoded the path already.
        summary.path, holder[wsgi.SUMMARY_KEY] = request.path, summary
    else:
        summary.adopt(log.on_close, probe)
    # The logs of projects read these attributes, as with python-dockerflow.
    request._id, request._start_timestamp = summary.rid, time.time()
    return summary, outer is None


def _answer(found: Endpoint | View, request: HttpRequest) -> HttpResponseBase:
    if isinstance(found, Endpoint):
        return to_django(found.answer(wsgi.request_from(request.META)))
    return found(request)


async def _aanswer(found: Endpoint | View, request: HttpRequest) -> HttpResponseBase:
    if isinstance(found, Endpoint) and not isinstance(found, Version):
        return to_django(await found.aanswer(wsgi.request_from(request.META)))
    if iscoroutinefunction(found):
        return await found(request)
    # On a thread: the version callback and views may query the database.
    return await sync_to_async(_answer)(found, request)


def _user_id(request: HttpRequest) -> Any:
    # ``request.user`` would query the session and the database.
    known = vars(request)
    user = known.get("user")
    if user is None or isinstance(user, LazyObject):
        # Django has no public attribute for the user that it loaded.
        loaded = known.get("_cached_user") or known.get("_acached_user")
        lazy = user if current_service().settings.summary_load_user else None
        user = loaded or lazy
    return user.pk if getattr(user, "is_authenticated", False) else None
