"""The announcement: what is served with which settings, said when it starts."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable

from dockerflow_mw.checks.registry import Registry, UnknownCheckError
from dockerflow_mw.logging import enable_loggers, log_safely
from dockerflow_mw.logging.encoding import safe_repr
from dockerflow_mw.settings import Settings

logger = logging.getLogger("dockerflow.middleware")


class Announcement:
    """Says what is served and what is wrong with it; its text is the former.

    Args:
        name: what serves, for people.
        app: the application that it serves for.
        settings: the settings in force.
        registry: the checks, looked up when it is said.
        paths: where the endpoints are.
    """

    def __init__(
        self,
        name: str,
        app: object,
        settings: Settings,
        registry: Registry,
        paths: Iterable[str],
    ) -> None:
        self._name = name
        self._app = app
        self._settings = settings
        self._registry = registry
        self._paths = list(paths)
        self._times = itertools.count()

    def __str__(self) -> str:
        return (
            f"<{self._name} of {safe_repr(self._app)};"
            f" endpoints: {', '.join(self._paths)};"
            f" checks: {', '.join(self._registry.checks()) or 'none'};"
            f" settings: {', '.join(self._told_settings()) or 'defaults'}>"
        )

    def _told_settings(self) -> list[str]:
        return [f"{name}={value}" for name, value in self._settings.changed().items()]

    def __call__(self) -> str | None:
        """Log it, at the first call and never again.

        Returns:
            The sentence that must stop the start, where a start can be stopped.
        """
        mistake = self._mistake()
        if not next(self._times):
            told = {
                "endpoints": self._paths,
                "checks": list(self._registry.checks()),
                "settings": self._told_settings(),
            }
            enable_loggers()
            log_safely(logger, logging.INFO, "%s", str(self), extra=told)
            if mistake is not None:
                log_safely(logger, logging.CRITICAL, "%s", mistake)
        return mistake

    def _mistake(self) -> str | None:
        # Not when it is made: checks are registered after that.
        for path, names in self._settings.groups:
            try:
                self._registry.select(names)
            except UnknownCheckError as error:
                return f"The group {path} cannot be served: {error}"
        return None
