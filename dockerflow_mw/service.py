"""`Service`: the settings, checks and endpoints of one application."""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from collections.abc import Callable, Collection

from dockerflow_mw.checks.registry import (
    Registry,
    UnknownCheckError,
    default_registry,
    pick,
)
from dockerflow_mw.checks.run import Around
from dockerflow_mw.endpoints import LBHEARTBEAT, build_endpoints
from dockerflow_mw.endpoints.heartbeat import (
    HeartbeatState,
    Silenced,
    silenced_checks,
)
from dockerflow_mw.endpoints.http import Endpoint
from dockerflow_mw.endpoints.lbheartbeat import LBHeartbeat
from dockerflow_mw.logging import configure_logging, enable_loggers, log_safely
from dockerflow_mw.logging.encoding import safe_repr
from dockerflow_mw.settings import Settings

logger = logging.getLogger("dockerflow.middleware")


class Service:
    """The settings, checks and endpoints of an application, and its start-up record.

    A service depends on no protocol and no framework. The protocol middlewares and the
    framework adapters send the responses of its endpoints.

    Before `load`, ``/__lbheartbeat__`` is the only endpoint, because the settings may
    still change.

    Args:
        app: the application, named in the start-up record.
        settings: the settings, until ``reload`` replaces them.
        name: the name of the middleware or extension in the start-up record.
        reload: returns the current settings; called once, by `load`. A framework's
            configuration may change until the first request.
        checks: the registry of the checks. The default is a new registry whose parent
            is the default registry.
        sender: the sender of the heartbeats' signals; by default the application.
        around: returns a context manager that each check runs inside.
        views: endpoint paths that the framework serves with a view of its own.
        start_level: the level of the start-up record.
        version_root: takes the settings and returns the argument of
            ``version_callback``. The default is the folder of version.json.
        silenced: takes the settings and returns the ids of the messages that never
            count; called at each heartbeat. The default returns ``silenced_checks``.

    Attributes:
        check: the decorator that registers a check in ``checks``.
        endpoints: the endpoints by path.
        routes: the endpoints that a middleware serves instead of the application, by
            path, with and without a trailing slash.

    Raises:
        dockerflow_mw.checks.DuplicateCheckError: a check of the settings has the name
            of another check.
    """

    def __init__(
        self,
        app: object,
        settings: Settings,
        *,
        name: str = "DockerflowMiddleware",
        reload: Callable[[], Settings] | None = None,
        checks: Registry | None = None,
        sender: object = None,
        around: Around = contextlib.nullcontext,
        views: Collection[str] = (),
        start_level: int = logging.INFO,
        version_root: Callable[[Settings], object] | None = None,
        silenced: Silenced = silenced_checks,
    ) -> None:
        self.app = app
        self.checks = Registry(parent=default_registry) if checks is None else checks
        self.check = self.checks.register
        self._name = name
        self._reload = reload
        self._sender = app if sender is None else sender
        self._around = around
        self._views = views
        self._start_level = start_level
        self._version_root = version_root
        self._silenced = silenced
        self._lock = threading.Lock()
        self._is_loaded = False
        self._starts = itertools.count()
        self._error: str | None = None
        self._apply(settings)
        self._use({LBHEARTBEAT: LBHeartbeat()})

    def _apply(self, settings: Settings) -> None:
        for check in settings.checks:
            self.check(check)
        if settings.configure_logging:
            configure_logging()
        self.settings = settings

    def _use(self, endpoints: dict[str, Endpoint]) -> None:
        self.endpoints = endpoints
        routes = {p: e for p, e in endpoints.items() if p not in self._views}
        self.routes = routes | {f"{path}/": e for path, e in routes.items()}

    def load(self) -> None:
        """Build the endpoints from the current settings. Later calls do nothing.

        If the current settings are invalid, keep those of the constructor.
        """
        if self._is_loaded:
            return
        with self._lock:
            if not self._is_loaded:
                self._read_again()
                self._use(self._build_endpoints())
                self._is_loaded = True

    def _build_endpoints(self) -> dict[str, Endpoint]:
        settings = self.settings
        root = None if self._version_root is None else self._version_root(settings)
        state = HeartbeatState(
            settings, self.checks, self._sender, self._around, self._silenced
        )
        return build_endpoints(settings, state, root)

    def _read_again(self) -> None:
        if self._reload is None:
            return
        try:
            self._apply(self._reload())
        except ValueError as error:
            # Do not raise: this may run during the first request. `start` returns it.
            self._error = str(error)

    def start(self) -> str | None:
        """Load the service and log the start-up record, on the first call.

        Returns:
            The configuration error that must stop the server's start, or None.
        """
        self.load()
        # `next` is atomic: of concurrent first requests, one logs the record.
        if next(self._starts) == 0:
            self._error = self._error or self._unknown_check()
            self._log_start(self._error)
        return self._error

    def _log_start(self, error: str | None) -> None:
        enable_loggers()
        fields = {
            "endpoints": list(self.endpoints),
            "checks": list(self.checks.checks()),
            "settings": self._changed_settings(),
        }
        log_safely(logger, self._start_level, "%s", repr(self), extra=fields)
        if error is not None:
            log_safely(logger, logging.CRITICAL, "%s", error)

    def _unknown_check(self) -> str | None:
        # Not in the constructor: a check may be registered after it.
        for path, names in self.settings.groups:
            try:
                pick(self.checks.checks().values(), names)
            except UnknownCheckError as error:
                return f"The group {path} cannot be served: {error}"
        return None

    def _changed_settings(self) -> list[str]:
        return [f"{name}={value}" for name, value in self.settings.changed().items()]

    def __repr__(self) -> str:
        return (
            f"<{self._name} of {safe_repr(self.app)};"
            f" endpoints: {', '.join(self.endpoints)};"
            f" checks: {', '.join(self.checks.checks()) or 'none'};"
            f" settings: {', '.join(self._changed_settings()) or 'defaults'}>"
        )
