"""The engine of a Django project, made of its settings."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings as django_settings
from django.http import HttpRequest

from dockerflow_mw.announcement import Announcement
from dockerflow_mw.checks import Registry, default_registry
from dockerflow_mw.django.connections import closed_connections
from dockerflow_mw.django.system import WithSystemChecks, adapted, names_of
from dockerflow_mw.endpoints import endpoints, with_slashes
from dockerflow_mw.logging import configure_logging
from dockerflow_mw.protocols.asgi import SCOPE_KEY
from dockerflow_mw.protocols.wsgi import ENVIRON_KEY, environ_key
from dockerflow_mw.settings import Settings, from_attributes, readers
from dockerflow_mw.summary import Summary
from dockerflow_mw.summary.log import RequestLog


def _in_debug(_: object) -> bool:
    # Looked up at each heartbeat, because tests switch it.
    return bool(django_settings.DEBUG)


_DEFAULTS: dict[str, object] = {
    "DOCKERFLOW_CHECKS": (
        "dockerflow_mw.django.checks.check_database_connected",
        "dockerflow_mw.django.checks.check_migrations_applied",
    ),
    "DOCKERFLOW_DETAILS": _in_debug,
    "DOCKERFLOW_ERROR_ENDPOINT": True,
    "DOCKERFLOW_LOG_PROBES": "all",
    "DOCKERFLOW_SYSTEM_CHECKS": True,
}


def load() -> Settings:
    """Read Django's settings, over the environment, over the project's own defaults.

    Raises:
        dockerflow_mw.settings.SettingsError: a setting cannot be used.
    """
    base = getattr(django_settings, "BASE_DIR", None)
    known = {
        "DOCKERFLOW_SILENCED_CHECKS": django_settings.SILENCED_SYSTEM_CHECKS,
        "DOCKERFLOW_VERSION_PATH": base,
    }
    named = from_attributes(django_settings)
    read = Settings.load({}, named, os.environ, {**_DEFAULTS, **known})
    if read.version_callback is None:
        return read
    is_base = base is not None and read.version_path == Path(base)
    callback = _called(read.version_callback, base if is_base else None)
    return dataclasses.replace(read, version_callback=callback)


def _called(function: Callable[..., Any], base: object) -> Callable[..., Any]:
    @functools.wraps(function)
    def called(folder: object) -> Any:
        # With BASE_DIR as it is, which may be a string.
        given = folder if base is None else base
        if asyncio._get_running_loop() is None or iscoroutinefunction(function):
            return function(given)
        # It may ask the database, which Django refuses on an event loop.
        return sync_to_async(function)(given)

    return called


def _system_checks() -> bool:
    name = "DOCKERFLOW_SYSTEM_CHECKS"
    sources = (getattr(django_settings, name, None), os.environ.get(name))
    value = next((v for v in sources if not (v is None or v == "")), _DEFAULTS[name])
    return readers.setting(name, value, readers.boolean, "true or false")


class Site:
    """What the requests of a project have in common, and the sender of its signals.

    Attributes:
        announcement: said at the first request that is not for the load balancer;
            None from then on.
        check: registers a check on this object; see
            `dockerflow_mw.checks.Registry.register`.
        checks: the registry of the checks, without Django's system checks.
        echo: the response header that carries the request id, if there is to be one.
        endpoints: the endpoints by path.
        log: opens the summaries.
        served: the endpoints by path, with and without a slash at the end.
        settings: the settings in force.

    Raises:
        dockerflow_mw.settings.SettingsError: a setting cannot be used.
    """

    def __init__(self) -> None:
        self.settings = load()
        if self.settings.configure_logging:
            configure_logging()
        self.checks = Registry(parent=default_registry)
        self.check = self.checks.register
        # Where the app is not installed, nobody else has registered them.
        for name, check in names_of(self.settings.checks).items():
            self.check(adapted(check), name=name, replace=True)
        shown = WithSystemChecks(self.checks) if _system_checks() else self.checks
        self.endpoints = endpoints(self.settings, shown, self, closed_connections)
        self.served = with_slashes(self.endpoints)
        self.log = RequestLog(self.settings, environ_key)
        self.echo = self.settings.response_header_name
        project = getattr(django_settings, "ROOT_URLCONF", None)
        self.announcement: Announcement | None = Announcement(
            "DockerflowMiddleware", project, self.settings, shown, self.endpoints
        )

    def announce(self) -> None:
        """Log what is served, once."""
        announcement, self.announcement = self.announcement, None
        if announcement is not None:
            announcement()

    def open(self, request: HttpRequest, probe: bool) -> tuple[Summary, bool]:
        """Open the summary of a request, unless there is one already.

        Returns:
            The summary, and whether it is ours to close: another middleware of this
            package may be further out, which then sees to it.
        """
        meta = request.META
        scope = getattr(request, "scope", None)
        holder: dict[str, Any] = meta
        key = ENVIRON_KEY
        if isinstance(scope, dict):
            holder, key = scope, SCOPE_KEY
        record: Summary | None = holder.get(key)
        is_own = record is None or record.closed
        if record is None or record.closed:
            # Under ASGI too, Django has the headers as an environ has them.
            record = holder[key] = Summary(
                self.log,
                meta,
                request.method,
                request.path,
                meta.get("HTTP_USER_AGENT", ""),
                meta.get("HTTP_ACCEPT_LANGUAGE", ""),
                meta.get("QUERY_STRING", ""),
                probe,
            )
        else:
            record.adopt(self.log.policy, probe)
        # Projects' own logs read these two.
        request._id = record.rid
        request._start_timestamp = time.time()
        return record, is_own


def record_of(request: HttpRequest) -> Summary | None:
    """Give the summary of a request, whoever opened it."""
    scope = getattr(request, "scope", None)
    if isinstance(scope, dict):
        return scope.get(SCOPE_KEY)
    found: Summary | None = request.META.get(ENVIRON_KEY)
    return found


_current: Site | None = None
_lock = threading.Lock()


def current() -> Site:
    """Give the site of the process, made at the first call.

    Raises:
        dockerflow_mw.settings.SettingsError: a setting cannot be used.
    """
    return _current or _make()


def _make() -> Site:
    global _current
    with _lock:
        if _current is None:
            _current = Site()
        return _current


def forget(**_: Any) -> None:
    """Have the site made anew, because a test has changed a setting of Django's."""
    global _current
    _current = None
