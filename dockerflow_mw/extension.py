"""The part of an extension object that Flask's and Sanic's have in common."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

from dockerflow_mw import summary
from dockerflow_mw.checks.registry import Registry, default_registry
from dockerflow_mw.checks.run import Around
from dockerflow_mw.endpoints import ERROR
from dockerflow_mw.service import Service
from dockerflow_mw.settings import Settings, readers

F = TypeVar("F", bound=Callable[..., Any])

ADAPTER_DEFAULTS: Mapping[str, object] = {
    "DOCKERFLOW_ERROR_ENDPOINT": True,
    "DOCKERFLOW_LOG_PROBES": "all",
}
"""The defaults of the framework adapters, as in python-dockerflow."""


class Extension:
    """An extension object of a framework, which may serve several applications.

    Args:
        logger_name: the name of the logger for failures of the extension.
        silenced_checks: ids of check messages that never count.
        version_path: the folder of version.json, or the file.

    Attributes:
        check: the decorator that registers a check, with and without arguments; see
            `dockerflow_mw.checks.Registry.register`.
        checks: the registry of these checks. ``get_checks()`` and ``clear_checks()`` of
            `dockerflow_mw.checks` include them.
        logger: the logger for failures of the extension.
        silenced_checks: ids of check messages that never count, read at each heartbeat.
            While it is empty, the setting ``silenced_checks`` counts.
        summary_logger: the logger of the summaries, which may be replaced before the
            start.
        version_function: returns the version object, if `version_callback` set it.

    Raises:
        dockerflow_mw.settings.SettingsError: ``silenced_checks`` are no ids.
    """

    def __init__(
        self,
        logger_name: str,
        silenced_checks: Iterable[str] | None = None,
        version_path: str | os.PathLike[str] | None = None,
    ) -> None:
        self.logger = logging.getLogger(logger_name)
        self.summary_logger = summary.logger
        # A collection is kept, because the application may change it. Each heartbeat
        # would find an iterator empty.
        if not isinstance(silenced_checks, Collection):
            silenced_checks = list(silenced_checks or ())
        self.silenced_checks = silenced_checks
        self._read_silenced()
        self.version_path = version_path
        self.version_function: Callable[..., Any] | None = None
        self.checks = Registry(parent=default_registry, listed=True)
        self.check = self.checks.register

    def get_summary_logger(self) -> logging.Logger:
        """Return the current `summary_logger`."""
        return self.summary_logger

    def init_check(self, check: Callable[..., Any], obj: object) -> Callable[..., Any]:
        """Register a check that is called with an object, under the check's name.

        Raises:
            DuplicateCheckError: another check has the name.
        """
        return self.checks.register_partial(check, obj)

    def version_callback(self, func: F) -> F:
        """Register the function that returns the version object.

        It is called with the version path.
        """
        self.version_function = func
        return func

    def version_root(self, settings: Settings) -> object:
        """Return the argument of the version function, see `Service`.

        The function receives the version path as it was given, or as text. The
        callable of ``DOCKERFLOW_VERSION_CALLBACK`` receives the folder of the file.
        """
        if self.version_function is None:
            return None
        return self.version_path or str(settings.version_path)

    def _call_version_function(self, root: object) -> Any:
        # Read at each request: tests of an application may replace the function.
        function = self.version_function
        return None if function is None else function(root)

    def _read_silenced(self) -> tuple[str, ...]:
        ids, allowed = self.silenced_checks, "ids of check messages"
        return readers.setting("silenced_checks", ids, readers.names, allowed)

    def _silenced(self, settings: Settings) -> Collection[str]:
        # Read at each heartbeat: an application may change the list.
        return self._read_silenced() or settings.silenced_checks

    def read_settings(
        self, config: Mapping[str, object], defaults: Mapping[str, object]
    ) -> Settings:
        """Return the settings of an application.

        The extension's arguments go before the application's configuration, then come
        the environment variables and the defaults.

        Args:
            config: the configuration, with the names of the environment variables.
            defaults: further defaults of the framework.

        Raises:
            SettingsError: a setting is invalid.
        """
        given = {
            "version_callback": self.version_function and self._call_version_function,
            "version_path": self.version_path,
        }
        options = {name: value for name, value in given.items() if value is not None}
        sources = (config, os.environ, {**ADAPTER_DEFAULTS, **defaults})
        return Settings.load(options, *sources)

    def build_service(
        self,
        app: object,
        config: Mapping[str, object],
        defaults: Mapping[str, object] | None = None,
        *,
        around: Around = contextlib.nullcontext,
    ) -> Service:
        """Return the service of an application, which itself serves ``/__error__``.

        Args:
            app: the application.
            config, defaults: see `read_settings`; `Service.load` reads them again.
            around: see `Service`.

        Raises:
            SettingsError: a setting is invalid.
            DuplicateCheckError: two checks of the settings have the same name.
        """
        read_settings = functools.partial(self.read_settings, config, defaults or {})
        return Service(
            app,
            read_settings(),
            name=type(self).__name__,
            reload=read_settings,
            checks=Registry(parent=self.checks),
            around=around,
            views=(ERROR,),
            start_level=logging.DEBUG,
            version_root=self.version_root,
            silenced=self._silenced,
        )
