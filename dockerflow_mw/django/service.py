"""The engine of a Django project, configured by Django's settings."""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.core import signals
from django.core.cache import caches

from dockerflow_mw.django.system import SystemChecks, adapt, closed_connections
from dockerflow_mw.endpoints import ERROR, HEARTBEAT, LBHEARTBEAT, VERSION
from dockerflow_mw.endpoints.http import Endpoint
from dockerflow_mw.extension import ADAPTER_DEFAULTS
from dockerflow_mw.protocols.wsgi import environ_key
from dockerflow_mw.service import Service
from dockerflow_mw.settings import Settings, from_attributes
from dockerflow_mw.summary import current
from dockerflow_mw.summary.log import RequestLog


def _in_debug(_: object) -> bool:
    # Read at each heartbeat: tests change the setting.
    return bool(django_settings.DEBUG)


def _read_settings() -> Settings:
    defaults = {
        **ADAPTER_DEFAULTS,
        "DOCKERFLOW_CHECKS": (
            "dockerflow_mw.django.checks.check_database_connected",
            "dockerflow_mw.django.checks.check_migrations_applied",
        ),
        "DOCKERFLOW_DETAILS": _in_debug,
        "DOCKERFLOW_VERSION_PATH": getattr(django_settings, "BASE_DIR", None),
    }
    read = Settings.load({}, from_attributes(django_settings), os.environ, defaults)
    return dataclasses.replace(read, checks=adapt(read.checks))


def _silenced(settings: Settings) -> Collection[str]:
    # Read at each heartbeat: a project may append to the list.
    return settings.silenced_checks or django_settings.SILENCED_SYSTEM_CHECKS


def _version_root(settings: Settings) -> object:
    # python-dockerflow passes BASE_DIR unchanged, which may be a string.
    base = getattr(django_settings, "BASE_DIR", None)
    return base if base and settings.version_path == Path(base) else None


class DjangoService(Service):
    """The engine of a Django project, which is the sender of its signals.

    Attributes:
        log_to: returns what opens the summaries of a logger.
    """

    def __init__(self) -> None:
        settings = _read_settings()
        super().__init__(
            getattr(django_settings, "ROOT_URLCONF", None),
            settings,
            sender=self,
            around=closed_connections,
            views=(VERSION, HEARTBEAT, LBHEARTBEAT, ERROR),
            start_level=logging.DEBUG,
            version_root=_version_root,
            silenced=_silenced,
        )
        if settings.system_checks:
            self.checks = SystemChecks(parent=self.checks)
        self.log_to = functools.cache(
            functools.partial(RequestLog, settings, environ_key)
        )

    @functools.cached_property
    def cache(self) -> Any:
        """The default cache, with one pool of connections for all check threads."""
        return caches.create_connection("default")

    def find(self, path: str) -> Endpoint | None:
        """Return the endpoint of a path, and start the service if it has to load it."""
        if path != LBHEARTBEAT:
            self.start()
        return self.endpoints.get(path)


@functools.cache
def current_service() -> DjangoService:
    """Return the service of this process, made at the first call."""
    return DjangoService()


def _record_exception(**_: Any) -> None:
    summary, error = current(), sys.exc_info()[1]
    if summary is not None and error is not None:
        summary.record_exception(error)


def finish_summary(**_: Any) -> None:
    """Remove a request's summary from the context, after Django's last log record."""
    summary = current()
    # An open summary belongs to an outer middleware.
    if summary is not None and summary.closed:
        summary.finish()


signals.got_request_exception.connect(_record_exception)
signals.request_finished.connect(finish_summary)
# A test changes settings.
signals.setting_changed.connect(lambda **_: current_service.cache_clear(), weak=False)
