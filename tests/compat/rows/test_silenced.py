"""Silenced ids, in a list that an application changes between two heartbeats."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import Any

import flask
import pytest
from sanic import Sanic

from tests.compat.rows.isolated import BOTH, OURS, isolated
from tests.sanic.door import Asked, Quiet


def _register(package: str) -> None:
    checks = importlib.import_module(f"{package}.checks")
    checks.register(lambda: [checks.Error("known", id="x.E1")], name="x")


def _statuses(dockerflow: Any, ask: Callable[[], Any]) -> list[str]:
    """Return the status of the check as the list of the extension changes."""
    seen = [ask()["checks"]["x"]]
    dockerflow.silenced_checks.append("x.E1")
    seen.append(ask()["checks"]["x"])
    dockerflow.silenced_checks = []
    seen.append(ask()["checks"]["x"])
    dockerflow.silenced_checks = ["x.E1"]
    return [*seen, ask()["checks"]["x"]]


def in_flask(package: str) -> list[str]:
    """Return the statuses in Flask."""
    _register(package)
    app = flask.Flask("app")
    extension = importlib.import_module(f"{package}.flask").Dockerflow
    dockerflow = extension(app, silenced_checks=["x.E2"])
    return _statuses(dockerflow, lambda: app.test_client().get("/__heartbeat__").json)


def in_flask_by_default(package: str) -> list[str]:
    """Return the statuses in Flask, for an extension without a list."""
    _register(package)
    app = flask.Flask("app")
    dockerflow = importlib.import_module(f"{package}.flask").Dockerflow(app)
    return _statuses(dockerflow, lambda: app.test_client().get("/__heartbeat__").json)


def from_an_iterator(package: str) -> list[int]:
    """Return the statuses of two heartbeats with an iterator of ids."""
    _register(package)
    app = flask.Flask("app")
    extension = importlib.import_module(f"{package}.flask").Dockerflow
    extension(app, silenced_checks=map(str, ["x.E1"]))
    return [app.test_client().get("/__heartbeat__").status_code for _ in range(2)]


def test_c17_an_iterator_counts_at_each_heartbeat() -> None:
    assert isolated(from_an_iterator, OURS) == [200, 200]


def in_sanic(package: str) -> list[str]:
    """Return the statuses in Sanic."""
    _register(package)
    app: Any = Sanic("app", configure_logging=False, error_handler=Quiet())
    app.config.update({"TOUCHUP": False, "MOTD": False})
    extension = importlib.import_module(f"{package}.sanic").Dockerflow
    dockerflow, service = extension(app, silenced_checks=["x.E2"]), Asked(app)
    return _statuses(dockerflow, lambda: json.loads(service.ask("/__heartbeat__").body))


@pytest.mark.parametrize("package", BOTH)
@pytest.mark.parametrize("statuses", [in_flask, in_flask_by_default, in_sanic])
def test_c17_a_changed_list_counts_at_the_next_heartbeat(
    statuses: Any, package: str
) -> None:
    assert isolated(statuses, package) == ["error", "ok", "error", "ok"]


def in_django(package: str) -> list[int]:
    """Return the statuses of heartbeats as Django's list changes."""
    import django
    from django.conf import settings
    from django.test import Client

    settings.configure(
        ALLOWED_HOSTS=["*"],
        DOCKERFLOW_CHECKS=[f"{__name__}.broken"],
        INSTALLED_APPS=[f"{package}.django"],
        MIDDLEWARE=[f"{package}.django.middleware.DockerflowMiddleware"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="made up",
        SILENCED_SYSTEM_CHECKS=[],
    )
    django.setup()
    client = Client()
    seen = [client.get("/__heartbeat__").status_code]
    settings.SILENCED_SYSTEM_CHECKS.append("x.E1")
    seen.append(client.get("/__heartbeat__").status_code)
    settings.SILENCED_SYSTEM_CHECKS.clear()
    return [*seen, client.get("/__heartbeat__").status_code]


def broken(app_configs: Any, **kwargs: Any) -> list[Any]:
    """Return the message of a check of Django's kind."""
    from django.core import checks

    return [checks.Error("known", id="x.E1")]


urlpatterns: list[Any] = []


@pytest.mark.parametrize("package", BOTH)
def test_c17_a_changed_list_of_django_counts_at_the_next_heartbeat(
    package: str,
) -> None:
    assert isolated(in_django, package) == [500, 200, 500]
