"""The endpoints as Django views.

They are what `dockerflow_mw.django.urls` mounts; the middleware answers without them.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse

from dockerflow_mw.django import site
from dockerflow_mw.endpoints.http import Response
from dockerflow_mw.protocols.wsgi import request_of


def version(request: HttpRequest) -> HttpResponse:
    """Answer with the version object."""
    return _answer(request, "/__version__")


def heartbeat(request: HttpRequest) -> HttpResponse:
    """Run the checks and report."""
    return _answer(request, "/__heartbeat__")


def lbheartbeat(request: HttpRequest) -> HttpResponse:
    """Answer that the process is there."""
    return _answer(request, "/__lbheartbeat__")


def error(request: HttpRequest) -> HttpResponse:
    """Raise, so that the reporting of errors can be tried out.

    Raises:
        Exception: what it is for.
        Http404: ``DOCKERFLOW_ERROR_ENDPOINT`` is false.
    """
    return _answer(request, "/__error__")


PATHS: dict[Callable[[HttpRequest], HttpResponse], str] = {
    version: "/__version__",
    heartbeat: "/__heartbeat__",
    lbheartbeat: "/__lbheartbeat__",
    error: "/__error__",
}
"""Where each view is."""

# Else, with ATOMIC_REQUESTS, a database that is down would keep them from answering.
for _view in PATHS:
    transaction.non_atomic_requests(_view)


def carried(reply: Response) -> HttpResponse:
    """Make the response of a reply."""
    return HttpResponse(reply.body, status=reply.status, headers=dict(reply.headers))


def _answer(request: HttpRequest, path: str) -> HttpResponse:
    endpoint = site.current().endpoints.get(path)
    if endpoint is None:
        raise Http404
    # Under ASGI too, Django has the headers as an environ has them.
    return carried(endpoint.answer(request_of(request.META)))
