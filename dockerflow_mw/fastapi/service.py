"""The engine behind one FastAPI or Starlette application."""

from __future__ import annotations

import functools
import logging
import os
from typing import Any

from starlette.datastructures import State

from dockerflow_mw.endpoints import ERROR, HEARTBEAT, LBHEARTBEAT, VERSION
from dockerflow_mw.extension import ADAPTER_DEFAULTS
from dockerflow_mw.service import Service
from dockerflow_mw.settings import Settings, from_attributes

# The attribute of `app.state` that holds the service.
_SERVICE = "dockerflow_mw"


def service_of(app: Any) -> Service:
    """Return the service of an application, which its first caller makes.

    The service reads its settings when it starts, because a lifespan may set them.

    Args:
        app: the application. If it has no ``state`` of Starlette's, each call returns
            a new service with the settings of the environment.
    """
    state = getattr(app, "state", None)
    if not isinstance(state, State):
        state = State()
    service: Service | None = getattr(state, _SERVICE, None)
    if service is None:
        service = Service(
            app,
            Settings.load({}, ADAPTER_DEFAULTS),
            name="Dockerflow",
            reload=functools.partial(_read_settings, state),
            views=(VERSION, HEARTBEAT, LBHEARTBEAT, ERROR),
            start_level=logging.DEBUG,
        )
        setattr(state, _SERVICE, service)
    return service


def _read_settings(state: State) -> Settings:
    return Settings.load(
        {},
        from_attributes(state),
        {"DOCKERFLOW_VERSION_PATH": getattr(state, "APP_DIR", None)},
        os.environ,
        {"DOCKERFLOW_VERSION_PATH": os.environ.get("APP_DIR")},
        ADAPTER_DEFAULTS,
    )
