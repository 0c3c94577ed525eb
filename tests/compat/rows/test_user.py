"""The user in the summary of a view that never asks for the user."""

from __future__ import annotations

import asyncio
import importlib
import logging
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.compat.rows.isolated import OURS, THEIRS, isolated

UIDS: list[Any] = []


class Kept(logging.Handler):
    """A handler that keeps the ``uid`` of each summary."""

    def emit(self, record: logging.LogRecord) -> None:
        UIDS.append(vars(record)["uid"])


def keep_uids() -> None:
    """Keep the users of the summaries from now on."""
    logger = logging.getLogger("request.summary")
    logger.addHandler(Kept())
    logger.setLevel(logging.INFO)


def page(request: Any) -> Any:
    """Return a page."""
    from django.http import HttpResponse

    return HttpResponse("a page")


def django_uids(package: str) -> list[Any]:
    """Return the users of a sync request and an async one."""
    with tempfile.TemporaryDirectory() as folder:
        set_django_up(package, folder)
        from django.contrib.auth.models import User
        from django.db import connection
        from django.test import AsyncClient, Client

        ann = User.objects.create_user("ann", pk=7)
        client, aclient = Client(), AsyncClient()
        client.force_login(ann)
        aclient.force_login(ann)
        keep_uids()
        assert client.get("/").status_code == 200
        assert asyncio.run(aclient.get("/")).status_code == 200
        connection.close()
    return UIDS


def set_django_up(package: str, folder: str) -> None:
    """Set Django up with users and sessions."""
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.urls import path

    file = Path(folder) / "db.sqlite3"
    settings.configure(
        ALLOWED_HOSTS=["*"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": file}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            f"{package}.django",
        ],
        LOGGING_CONFIG=None,
        MIDDLEWARE=[
            f"{package}.django.middleware.DockerflowMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        ROOT_URLCONF=(path("", page),),
        SECRET_KEY="made up",
    )
    django.setup()
    call_command("migrate", verbosity=0, skip_checks=True)


def flask_uids(package: str) -> list[Any]:
    """Return the user of a request."""
    import flask

    flask_login: Any = importlib.import_module("flask_login")

    class User(flask_login.UserMixin):  # type: ignore[misc]  # Flask-Login has no types
        def __init__(self, identity: str) -> None:
            self.id = identity

    app = flask.Flask("compat")
    app.secret_key = "compat"
    importlib.import_module(f"{package}.flask").Dockerflow(app)
    flask_login.LoginManager(app).user_loader(User)
    app.add_url_rule("/", "index", lambda: "a page")

    def log_in() -> str:
        flask_login.login_user(User("u7"))
        return "in"

    app.add_url_rule("/login", "login", log_in)
    client = app.test_client()
    client.get("/login")
    keep_uids()
    assert client.get("/").data == b"a page"
    return UIDS


ON = {"DOCKERFLOW_SUMMARY_LOAD_USER": "true"}


@pytest.mark.parametrize(
    ("package", "env", "found"),
    [
        pytest.param("dockerflow", {}, True, marks=THEIRS.marks, id="dockerflow"),
        pytest.param(OURS, {}, False, id="by default"),
        pytest.param(OURS, ON, True, id="loaded"),
    ],
)
@pytest.mark.parametrize(
    ("uids", "needed", "expected"),
    [
        pytest.param(django_uids, "django", [7, 7], id="django"),
        pytest.param(flask_uids, "flask_login", ["u7"], id="flask"),
    ],
)
def test_c19_the_user_is_loaded_only_with_the_setting(
    uids: Any,
    needed: str,
    expected: list[Any],
    package: str,
    env: dict[str, str],
    found: bool,
) -> None:
    pytest.importorskip(needed)
    expected = expected if found else [""] * len(expected)
    assert isolated(uids, package, env=env) == expected
