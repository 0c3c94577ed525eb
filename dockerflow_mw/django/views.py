"""The endpoints as Django views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse

from dockerflow_mw.django.service import current_service
from dockerflow_mw.endpoints.http import Response
from dockerflow_mw.protocols.wsgi import request_from

__all__ = ["error", "heartbeat", "lbheartbeat", "version"]

View: TypeAlias = Callable[[HttpRequest], Any]


def _view(name: str) -> View:
    def view(request: HttpRequest) -> HttpResponse:
        endpoint = current_service().find(f"/__{name}__")
        if endpoint is None:
            raise Http404
        return to_django(endpoint.answer(request_from(request.META)))

    view.__name__ = view.__qualname__ = name
    # With ATOMIC_REQUESTS, a stopped database would prevent the view from answering.
    transaction.non_atomic_requests(view)
    return view


def to_django(response: Response) -> HttpResponse:
    """Return a response of the engine as one of Django."""
    headers = dict(response.headers)
    return HttpResponse(response.body, status=response.status, headers=headers)


version = _view("version")
heartbeat = _view("heartbeat")
lbheartbeat = _view("lbheartbeat")
error = _view("error")

PATHS = {v: f"/__{v.__name__}__" for v in (version, heartbeat, lbheartbeat, error)}
"""The path of each view."""
