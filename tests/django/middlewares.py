"""Middleware of Django and of projects, and subclasses of ours."""

from __future__ import annotations

import re
import time
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware
from django.utils.functional import SimpleLazyObject

from dockerflow_mw.django.middleware import DockerflowMiddleware
from dockerflow_mw.django.system import is_on_event_loop


class User:
    """A user with a primary key."""

    def __init__(self, pk: Any, is_authenticated: bool = True) -> None:
        self.pk = pk
        self.is_authenticated = is_authenticated


LOADED: list[str] = []


def get_user(request: HttpRequest) -> User:
    """Return the user of a request, loaded once, as django.contrib.auth does."""
    if not hasattr(request, "_cached_user"):
        where = "on an event loop" if is_on_event_loop() else "not on an event loop"
        LOADED.append(f"a query, {where}")
        request._cached_user = User(7)
    user: User = request._cached_user
    return user


@sync_and_async_middleware
def lazy_user(get_response: Any) -> Any:
    """Set ``request.user`` as AuthenticationMiddleware does."""

    def served(request: HttpRequest) -> Any:
        request.user = SimpleLazyObject(lambda: get_user(request))
        return get_response(request)

    if iscoroutinefunction(get_response):
        markcoroutinefunction(served)
    return served


KEEP: Any = None


def keep(get_response: Any) -> Any:
    """Return the middleware that a test set as `KEEP`."""
    return KEEP(get_response)


def sync_only(get_response: Any) -> Any:
    """Return a sync middleware, which Django runs on a thread under ASGI."""
    return lambda request: get_response(request)


class Joanie(DockerflowMiddleware):
    """A middleware that logs no user, as openfun/joanie's does."""

    def _build_extra_meta(self, request: HttpRequest) -> dict[str, Any]:
        out = {
            "errno": 0,
            "agent": request.META.get("HTTP_USER_AGENT", ""),
            "lang": request.META.get("HTTP_ACCEPT_LANGUAGE", ""),
            "method": request.method,
            "path": "/hidden",
            "course": "a course",
        }
        if hasattr(request, "_id"):
            out["rid"] = request._id
        if hasattr(request, "_start_timestamp"):
            out["t"] = int(1000 * (time.time() - request._start_timestamp))
        return out


class Inherited(DockerflowMiddleware):
    """A middleware that adds to the fields."""

    def _build_extra_meta(self, request: HttpRequest) -> dict[str, Any]:
        return {**super()._build_extra_meta(request), "errno": 107, "uid": "theirs"}


class Raising(DockerflowMiddleware):
    """A middleware whose fields raise."""

    def _build_extra_meta(self, request: HttpRequest) -> dict[str, Any]:
        raise RuntimeError("no fields")


def mine(request: HttpRequest) -> HttpResponse:
    """Return a response at a path of the project."""
    return HttpResponse("mine")


class OtherPaths(DockerflowMiddleware):
    """A middleware with other paths of the endpoints, and one more view."""

    viewpatterns = [
        *(
            (re.compile("/api" + p.pattern), v)
            for p, v in DockerflowMiddleware.viewpatterns
        ),
        (re.compile(r"/mine$"), mine),
    ]
