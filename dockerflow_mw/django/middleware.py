"""The middleware, for sync and async stacks alike.

::

    MIDDLEWARE = ["dockerflow_mw.django.middleware.DockerflowMiddleware", ...]

As the first one it answers before the others can interfere, and sees the response that
the client gets; as the last one it works as well, and tells what reaches it there.
"""

from __future__ import annotations

import functools
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, TypeAlias

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponseBase

from dockerflow_mw.django import receivers, views
from dockerflow_mw.django.site import Site, current, record_of
from dockerflow_mw.django.stream import is_cancelled, watch
from dockerflow_mw.django.user import uid_of
from dockerflow_mw.django.views import carried
from dockerflow_mw.endpoints.http import Endpoint
from dockerflow_mw.logging import log_safely
from dockerflow_mw.protocols.wsgi import close_record, request_of
from dockerflow_mw.summary import Summary

logger = logging.getLogger("dockerflow.django")

View: TypeAlias = Callable[[HttpRequest], HttpResponseBase]

# What a summary measures, whatever else somebody has found.
_MEASURED = frozenset({"code", "rid", "t"})


def _patterns() -> list[tuple[re.Pattern[str], View]]:
    return [(re.compile(rf"{path}/?\Z"), view) for view, path in views.PATHS.items()]


_DEFAULT_PATTERNS = _patterns()
_PATHS = frozenset(views.PATHS.values())


class DockerflowMiddleware:
    """Answers the Dockerflow endpoints, and leaves one summary of each request.

    Args:
        get_response: what has every path that is not ours.

    Attributes:
        viewpatterns: the endpoints, as pairs of a compiled pattern and a view. What a
            subclass puts here is matched instead of the paths of the four.

    Raises:
        dockerflow_mw.settings.SettingsError: a setting cannot be used.
    """

    sync_capable = True
    async_capable = True

    viewpatterns: ClassVar[Iterable[tuple[re.Pattern[str], View]]] = _patterns()

    def __init__(self, get_response: Callable[[HttpRequest], Any] | None = None):
        self.get_response: Any = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        # Ours are found by their path, without asking every pattern each time.
        self._has_patterns = list(self.viewpatterns) != _DEFAULT_PATTERNS
        kind, own = type(self), DockerflowMiddleware
        self._has_meta = kind._build_extra_meta is not own._build_extra_meta
        receivers.connect()
        current()

    def __call__(self, request: HttpRequest) -> Any:
        """Serve a request; in an async stack, give the coroutine that does."""
        if self._is_async:
            return self._acall(request)
        site, found, record, is_own = self._begin(request)
        try:
            if found is None:
                response = self.get_response(request)
            else:
                # As Django does it for a view, so that error handlers see it.
                answer = functools.partial(_answer, found)
                response = convert_exception_to_response(answer)(request)
        except BaseException as error:
            _fail(record, error, is_own)
            raise
        return self._end(site, request, response, record, is_own)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        site, found, record, is_own = self._begin(request)
        try:
            if found is None:
                response = await self.get_response(request)
            else:
                answer = functools.partial(_aanswer, found)
                response = await convert_exception_to_response(answer)(request)
        except BaseException as error:
            record.disconnected |= is_cancelled(error)
            _fail(record, error, is_own)
            raise
        return self._end(site, request, response, record, is_own)

    def _begin(
        self, request: HttpRequest
    ) -> tuple[Site, Endpoint | View | None, Summary, bool]:
        site = current()
        found: Endpoint | View | None = site.served.get(request.path_info)
        if self._has_patterns:
            found = self._match(site, request.path_info)
        if site.announcement is not None and not getattr(found, "quiet", False):
            site.announce()
        record, is_own = site.open(request, found is not None)
        return site, found, record, is_own

    def _match(self, site: Site, path: str) -> Endpoint | View | None:
        for pattern, view in self.viewpatterns:
            if pattern.match(path):
                return site.endpoints.get(views.PATHS.get(view, ""), view)
        return None if path.rstrip("/") in _PATHS else site.served.get(path)

    def _end(
        self,
        site: Site,
        request: HttpRequest,
        response: HttpResponseBase,
        record: Summary,
        is_own: bool,
    ) -> HttpResponseBase:
        try:
            uid = uid_of(request)
            if uid != "":
                record.name_user(uid)
            if self._has_meta:
                _amend(record, self._build_extra_meta(request))
        except Exception as error:
            # It fails alone: the response is there.
            text = "What Django knows of a request could not be logged."
            log_safely(logger, logging.ERROR, text, error=error)
        if not is_own:
            return response
        try:
            record.code = response.status_code
            if site.echo is not None:
                response.headers.setdefault(site.echo, record.rid)
            if response.streaming:
                watch(response, record, request)
            else:
                record.close()
        except Exception as error:
            # It is no response, or a kind of its own, which is not ours to refuse.
            text = "The end of a response could not be watched."
            log_safely(logger, logging.ERROR, text, error=error)
            close_record(record)
        return response

    def _build_extra_meta(self, request: HttpRequest) -> dict[str, Any]:
        """Give the fields of a request's summary, for subclasses to override.

        What is given is logged, and of what a client sends, what is not given is not;
        but what was measured stays: the status, the time, the id, and a failure.
        """
        record = record_of(request)
        if record is None:
            return {}
        return record.as_fields(int(1000 * (time.time() - request._start_timestamp)))


def _fail(record: Summary, error: BaseException, is_own: bool) -> None:
    record.fail(error)
    if is_own:
        close_record(record)


def _answer(found: Endpoint | View, request: HttpRequest) -> HttpResponseBase:
    if isinstance(found, Endpoint):
        return carried(found.answer(request_of(request.META)))
    return found(request)


async def _aanswer(found: Endpoint | View, request: HttpRequest) -> HttpResponseBase:
    if isinstance(found, Endpoint):
        return carried(await found.aanswer(request_of(request.META)))
    view: Any = found if iscoroutinefunction(found) else sync_to_async(found)
    return await view(request)


def _amend(record: Summary, meta: Mapping[str, Any]) -> None:
    fields = {name: value for name, value in meta.items() if name not in _MEASURED}
    if not fields.get("errno"):
        fields.pop("errno", None)
    record.amend(fields)
