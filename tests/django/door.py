"""Django in the contract tests, with the defaults of the WSGI and ASGI middleware."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import Any, ClassVar

from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse
from django.urls import re_path

from dockerflow_mw.django.service import current_service
from tests.doors import BareASGI, BareWSGI, Page, page
from tests.frameworks import django_site

MIDDLEWARE = "dockerflow_mw.django.middleware.DockerflowMiddleware"
RAISED = "tests.raised"


@contextlib.contextmanager
def project(view: Any, **options: Any) -> Iterator[None]:
    """Apply settings with one view for every path."""
    given = {"log_probes": "failures", "error_endpoint": False, "details": "full"}
    given |= {"checks": (), **options}
    changes = {f"DOCKERFLOW_{name.upper()}": value for name, value in given.items()}
    pattern = re_path(r"(?s)^.*\Z", view)
    logger = logging.getLogger("django.request")
    logger.disabled, was_disabled = True, logger.disabled
    try:
        with django_site.site(
            MIDDLEWARE=[MIDDLEWARE], ROOT_URLCONF=(pattern,), **changes
        ):
            yield
    finally:
        logger.disabled = was_disabled


class _Door:
    # Django has one set of settings in a process, so one door is open at a time.
    _open: ClassVar[contextlib.ExitStack] = contextlib.ExitStack()

    @classmethod
    def open(cls, view: Any, **options: Any) -> None:
        """Apply the settings of this door in place of the previous one."""
        cls.close()
        cls._open.enter_context(project(view, **options))
        got_request_exception.connect(_keep)
        cls._open.callback(got_request_exception.disconnect, _keep)

    @classmethod
    def close(cls) -> None:
        """Restore the previous settings."""
        cls._open.close()


def _keep(request: HttpRequest, **_: Any) -> None:
    held = getattr(request, "scope", request.META)
    held.setdefault(RAISED, []).append(sys.exc_info()[1])


def _raise(held: Any) -> None:
    # Django's test client also raises exceptions that became responses.
    for error in held.get(RAISED, ()):
        raise error


class DjangoWSGI(_Door, BareWSGI):
    """Django behind WSGI."""

    def __init__(self, page: Page = page, **options: Any) -> None:
        def view(request: HttpRequest) -> HttpResponse:
            return HttpResponse(page(), content_type="text/plain")

        self.open(view, **options)
        self.application = current_service()
        handler = django_site.wsgi()

        def served(environ: Any, start_response: Any) -> Any:
            body = handler(environ, start_response)
            if environ.get(RAISED):
                body.close()
            _raise(environ)
            return body

        self.served = served


class DjangoASGI(_Door, BareASGI):
    """Django behind ASGI."""

    def __init__(self, page: Page = page, **options: Any) -> None:
        async def view(request: HttpRequest) -> HttpResponse:
            return HttpResponse(page(), content_type="text/plain")

        self.open(view, **options)
        self.application = current_service()
        handler: Any = django_site.asgi()

        async def served(scope: Any, receive: Any, send: Any) -> None:
            asked = False

            async def receive_once() -> Any:
                nonlocal asked
                if asked:
                    # The client does not disconnect.
                    await asyncio.Event().wait()
                asked = True
                return await receive()

            async def send_as_servers_do(message: Any) -> None:
                pairs = message.get("headers", ())
                lower = [(name.lower(), value) for name, value in pairs]
                await send({**message, "headers": lower})

            await handler(scope, receive_once, send_as_servers_do)
            _raise(scope)

        self.served = served
