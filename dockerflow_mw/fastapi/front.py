"""What the router and the middlewares of one application have in common."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import State

from dockerflow_mw.announcement import Announcement
from dockerflow_mw.checks import Registry, default_registry
from dockerflow_mw.endpoints import endpoints
from dockerflow_mw.logging import configure_logging
from dockerflow_mw.settings import Settings, from_attributes

# Of application.state, for what is no setting.
STATE_KEY = "dockerflow_mw"

DEFAULTS = {"DOCKERFLOW_ERROR_ENDPOINT": True, "DOCKERFLOW_LOG_PROBES": "all"}


class Front:
    """What is in front of one application.

    Args:
        app: the application.
        given: the settings that are attributes of its state.

    Attributes:
        announcement: says what is served, once.
        endpoints: the endpoints by path.
        given: as it was given.
        settings: the settings in force.

    Raises:
        dockerflow_mw.settings.SettingsError: a setting cannot be used.
    """

    def __init__(self, app: object, given: Mapping[str, object]) -> None:
        self.given = given
        folder = {"DOCKERFLOW_VERSION_PATH": os.environ.get("APP_DIR")}
        self.settings = Settings.load({}, given, os.environ, folder, DEFAULTS)
        checks = Registry(parent=default_registry)
        for check in self.settings.checks:
            checks.register(check)
        if self.settings.configure_logging:
            configure_logging()
        self.endpoints = endpoints(self.settings, checks, app)
        self.announcement = Announcement(
            "Dockerflow", app, self.settings, checks, self.endpoints
        )


def front_of(app: Any) -> Front:
    """Give the front of an application, made anew when its settings have changed.

    Args:
        app: the application, which need not be one of Starlette's.
    """
    state = getattr(app, "state", None)
    if not isinstance(state, State):
        return Front(app, {})
    given = _settings_of(state)
    front: Front | None = getattr(state, STATE_KEY, None)
    if front is None or front.given != given:
        front = Front(app, given)
        setattr(state, STATE_KEY, front)
    return front


def _settings_of(state: State) -> dict[str, object]:
    given = from_attributes(state)
    given["DOCKERFLOW_VERSION_PATH"] = given["DOCKERFLOW_VERSION_PATH"] or getattr(
        state, "APP_DIR", None
    )
    return given
