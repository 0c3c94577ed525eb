"""Other people's middleware, and what projects make of ours."""

from __future__ import annotations

import re
import time
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware
from django.utils.functional import SimpleLazyObject

from dockerflow_mw.django.middleware import DockerflowMiddleware


class User:
    """A user whose key is known once it is loaded."""

    def __init__(self, pk: Any, is_authenticated: bool = True) -> None:
        self.pk = pk
        self.is_authenticated = is_authenticated


LOADED: list[str] = []


def load() -> User:
    """Load the user, which takes a query."""
    LOADED.append("a query")
    return User(7)


@sync_and_async_middleware
def lazy_user(get_response: Any) -> Any:
    """Have ``request.user`` as Django's authentication has it."""

    def served(request: HttpRequest) -> Any:
        request.user = SimpleLazyObject(load)
        return get_response(request)

    if iscoroutinefunction(get_response):
        markcoroutinefunction(served)
    return served


KEEP: Any = None


def keep(get_response: Any) -> Any:
    """Be the middleware that a test has put here."""
    return KEEP(get_response)


def sync_only(get_response: Any) -> Any:
    """Be a middleware of the old kind, which has a thread of its own under ASGI."""
    return lambda request: get_response(request)


class Joanie(DockerflowMiddleware):
    """Log without a look at the user, as openfun/joanie's middleware does."""

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
    """Add to what there is."""

    def _build_extra_meta(self, request: HttpRequest) -> dict[str, Any]:
        return {**super()._build_extra_meta(request), "errno": 107, "uid": "theirs"}


class Raising(DockerflowMiddleware):
    """Fail."""

    def _build_extra_meta(self, request: HttpRequest) -> dict[str, Any]:
        raise RuntimeError("no fields")


def mine(request: HttpRequest) -> HttpResponse:
    """Answer at a path of the project's own."""
    return HttpResponse("mine")


class OtherPaths(DockerflowMiddleware):
    """Have the endpoints elsewhere, and one more."""

    viewpatterns = [
        *(
            (re.compile("/api" + p.pattern), v)
            for p, v in DockerflowMiddleware.viewpatterns
        ),
        (re.compile(r"/mine$"), mine),
    ]
