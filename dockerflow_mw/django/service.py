"""The engine of a Django project, configured by Django's settings."""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.core.cache import caches

from dockerflow_mw.django.system import SystemChecks, adapt, closed_connections
from dockerflow_mw.endpoints import ERROR, HEARTBEAT, LBHEARTBEAT, VERSION
from dockerflow_mw.endpoints.http import Endpoint
from dockerflow_mw.extension import ADAPTER_DEFAULTS
from dockerflow_mw.protocols.wsgi import environ_key
from dockerflow_mw.service import Service
from dockerflow_mw.settings import Settings, from_attributes, readers
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


def _wants_system_checks() -> bool:
    name = "DOCKERFLOW_SYSTEM_CHECKS"
    value = getattr(django_settings, name, None)
    if value is None or value == "":
        value = os.environ.get(name) or False
    return readers.setting(name, value, readers.boolean, "true or false")


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
        if _wants_system_checks():
            self.checks = SystemChecks(parent=self.checks)
        self.log_to: Callable[[logging.Logger], RequestLog] = functools.cache(
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


def forget_service(**_: Any) -> None:
    """Make a new service at the next call, because a test changed a setting."""
    current_service.cache_clear()
