"""What the router and the middlewares of one application have in common."""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import State

from dockerflow_mw.announcement import Announcement
from dockerflow_mw.checks import Registry, default_registry
from dockerflow_mw.endpoints import endpoints
from dockerflow_mw.logging import configure_logging, log_safely
from dockerflow_mw.settings import Settings, from_attributes

logger = logging.getLogger("dockerflow.fastapi")

# Of application.state, for what is no setting.
STATE_KEY = "dockerflow_mw"

DEFAULTS = {"DOCKERFLOW_ERROR_ENDPOINT": True, "DOCKERFLOW_LOG_PROBES": "all"}


class Front:
    """What is in front of one application.

    Args:
        app: the application.
        given: the settings that are attributes of its state.
        settings: what became of them.

    Attributes:
        announcement: says what is served, once.
        endpoints: the endpoints by path.
        given: what the front was last made, or kept, for.
        settings: as they were given.

    Raises:
        ValueError: one of the checks of the settings cannot be registered.
    """

    def __init__(
        self, app: object, given: Mapping[str, object], settings: Settings
    ) -> None:
        self.given = given
        self.settings = settings
        checks = Registry(parent=default_registry)
        for check in settings.checks:
            checks.register(check)
        if settings.configure_logging:
            configure_logging()
        self.endpoints = endpoints(settings, checks, app)
        self.announcement = Announcement(
            "Dockerflow", app, settings, checks, self.endpoints
        )


def front_of(app: Any, *, may_refuse: bool = False) -> Front:
    """Give the front of an application, made anew when its settings have changed.

    Settings that cannot be used are told of once; those before them, or the defaults,
    are in force then.

    Args:
        app: the application, which need not be one of Starlette's.
        may_refuse: whether such settings are raised instead, to stop the start.

    Raises:
        ValueError: the settings cannot be used.
    """
    state = getattr(app, "state", None)
    if not isinstance(state, State):
        # Nothing is kept in this one, and nothing is there.
        state = State()
    given = _settings_of(state)
    front: Front | None = getattr(state, STATE_KEY, None)
    if front is not None and front.given == given:
        return front
    try:
        front = Front(app, given, _load(given))
    except ValueError as error:
        if may_refuse:
            raise
        log_safely(logger, logging.CRITICAL, "%s", error)
        front = front or Front(app, given, Settings.load({}, DEFAULTS))
        front.given = given
    setattr(state, STATE_KEY, front)
    return front


def _load(given: Mapping[str, object]) -> Settings:
    app_dir = _app_dir(given)
    folder = {"DOCKERFLOW_VERSION_PATH": app_dir}
    settings = Settings.load({}, folder, given, os.environ, DEFAULTS)
    callback = settings.version_callback
    if callback is None or app_dir is None:
        return settings

    @functools.wraps(callback)
    def version_of(_: object) -> Any:
        return callback(app_dir)

    return dataclasses.replace(settings, version_callback=version_of)


def _app_dir(given: Mapping[str, object]) -> object:
    """Give APP_DIR as it is; None where there is none, or the setting is before it."""
    for source in (given, os.environ):
        if source.get("DOCKERFLOW_VERSION_PATH"):
            return None
        if source.get("APP_DIR"):
            return source["APP_DIR"]
    return None


def _settings_of(state: State) -> dict[str, object]:
    return {**from_attributes(state), "APP_DIR": getattr(state, "APP_DIR", None)}
