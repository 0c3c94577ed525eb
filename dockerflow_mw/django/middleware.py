"""The middleware, for sync and async stacks.

List it first, so that it answers probes before other middleware interferes and records
the response that the client receives.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import time
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import LazyObject

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
        for method in ("process_request", "process_response"):
            if hasattr(self, method):
                raise ImproperlyConfigured(
                    f"{type(self).__module__}.{type(self).__qualname__}.{method} is"
                    " never called; move its code to __call__, or to _build_extra_meta"
                    " for fields of the summary."
                )
        self.get_response: Any = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        current_service()

    def __call__(self, request: HttpRequest) -> Any:
        """Return the response to a request, or in an async stack a coroutine of it."""
        if self._is_async:
            return self._acall(request)
        with self._record(request) as (handler, end):
            return end(handler(request))

    async def _acall(self, request: HttpRequest) -> Any:
        with self._record(request) as (handler, end):
            response = await handler(request)
            # On a thread: Django refuses queries on an event loop.
            loads_user = current_service().settings.summary_load_user
            return await sync_to_async(end)(response) if loads_user else end(response)

    @contextlib.contextmanager
    def _record(self, request: HttpRequest) -> Iterator[tuple[Any, Any]]:
        """Yield the handler of a request, and a function that records its response."""
        found, handler = self._find(request.path_info), self.get_response
        if found is not None:
            answer = functools.partial(_aanswer if self._is_async else _answer, found)
            # Django turns the exception of ``/__error__`` into a response.
            handler = convert_exception_to_response(answer)
        summary, is_own = self._open(request, found is not None)

        def end(response: HttpResponseBase) -> HttpResponseBase:
            self._add_fields(request, summary)
            if is_own:
                observe(response, summary, request)
            return response

        try:
            yield handler, end
        except BaseException as error:
            record_failure(summary, error)
            if is_own:
                summary.finish()
            raise

    def _open(self, request: HttpRequest, probe: bool) -> tuple[Summary, bool]:
        """Return the summary of a request, and whether it was opened here.

        The summary of an outer middleware of this package serves this one as well.
        """
        log = current_service().log_to(self.summary_logger)
        holder = request.scope if isinstance(request, ASGIRequest) else request.META
        summary = outer = wsgi.outer_summary(holder)
        if summary is None:
            summary = wsgi.open_summary(log, request.META, probe)
            # Django decoded the path already.
            summary.path, holder[wsgi.SUMMARY_KEY] = request.path, summary
        else:
            summary.adopt(log.on_close, probe)
        # The logs of projects read these attributes, as with python-dockerflow.
        request._id, request._start_timestamp = summary.rid, time.time()
        return summary, outer is None

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
        """Do nothing; Django calls the method of a subclass, which may call this."""

    def _build_extra_meta(self, request: HttpRequest) -> dict[str, Any]:
        """Return the fields of a request's summary. A subclass may override this.

        New fields are logged. Fields that the client sent may be replaced or removed.
        The status, the duration, the request id and a failure stay.
        """
        summary, start = current(), request._start_timestamp
        return summary.as_fields(int(1000 * (time.time() - start))) if summary else {}


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
    known, loads_user = vars(request), current_service().settings.summary_load_user
    user = known.get("user")
    if not loads_user and (user is None or isinstance(user, LazyObject)):
        # ``request.user`` would query the session and the database. Django has no
        # public attribute for the user that it loaded.
        user = known.get("_cached_user") or known.get("_acached_user")
    return user.pk if getattr(user, "is_authenticated", False) else None
