"""Django: subclasses of the middleware, the built-in checks, and the heartbeat."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from tests.compat.rows.isolated import BOTH, OURS, isolated

THEIRS_IS_INSTALLED = importlib.util.find_spec("dockerflow") is not None

pytest.importorskip("django")

both = pytest.mark.parametrize("package", BOTH)

NOBODY = "redis://127.0.0.1:1/0"

LOGGED: list[str] = []


class Kept(logging.Handler):
    """A handler that keeps the name of a logger and the fields of each record."""

    def emit(self, record: logging.LogRecord) -> None:
        LOGGED.append(record.name)


def page(request: Any) -> Any:
    """Return a page; the path ``/boom`` raises."""
    from django.http import HttpResponse

    if request.path == "/boom":
        raise ValueError("boom")
    return HttpResponse("a page")


def set_up(package: str, **changes: Any) -> None:
    """Set Django up with a database in memory and one view for all paths."""
    import django
    from django.conf import settings
    from django.urls import re_path

    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    known: dict[str, Any] = {
        "ALLOWED_HOSTS": ["*"],
        "BASE_DIR": Path.cwd(),
        "DATABASES": {"default": database},
        "DOCKERFLOW_CHECKS": [],
        "INSTALLED_APPS": [f"{package}.django"],
        "LOGGING_CONFIG": None,
        "MIDDLEWARE": [f"{package}.django.middleware.DockerflowMiddleware"],
        "ROOT_URLCONF": (re_path("", page),),
        "SECRET_KEY": "made up",
    }
    settings.configure(**{**known, **changes})
    django.setup()
    for name in ("request.summary", "replaced"):
        logging.getLogger(name).addHandler(Kept())
        logging.getLogger(name).setLevel(logging.INFO)


def get(path: str = "/") -> Any:
    """Return the response to a request in a sync stack."""
    from django.test import Client

    return Client(raise_request_exception=False).get(path)


def aget(path: str = "/") -> Any:
    """Return the response to a request in an async stack."""
    from django.test import AsyncClient

    return asyncio.run(AsyncClient(raise_request_exception=False).get(path))


SUBCLASS = f"{__name__}.Sub"


def subclass(package: str, **methods: Any) -> Any:
    """Return a subclass of the middleware with these methods, at `SUBCLASS`."""
    module = importlib.import_module(f"{package}.django.middleware")
    methods["__module__"] = __name__
    made = type("Sub", (module.DockerflowMiddleware,), methods)
    globals()["Sub"] = made
    return made


# C01


def never_called(package: str) -> list[str]:
    """Return the errors of subclasses with methods that are never called."""
    from django.core.exceptions import ImproperlyConfigured

    set_up(package)
    errors = []
    for method in ("process_request", "process_response"):
        made = subclass(package, **{method: lambda self, *args: None})
        try:
            made(page)
        except ImproperlyConfigured as error:
            errors.append(str(error))
    return errors


def test_c01_a_method_that_is_never_called_stops_the_start() -> None:
    place = "move its code to __call__, or to _build_extra_meta for fields of the"
    assert isolated(never_called, OURS) == [
        f"{SUBCLASS}.process_request is never called; {place} summary.",
        f"{SUBCLASS}.process_response is never called; {place} summary.",
    ]


def caught(package: str) -> list[Any]:
    """Return the responses of a subclass that answers exceptions."""
    seen: list[str] = []

    def process_exception(self: Any, request: Any, exception: Exception) -> Any:
        from django.http import HttpResponse

        module = importlib.import_module(f"{package}.django.middleware")
        module.DockerflowMiddleware.process_exception(self, request, exception)
        seen.append(str(exception))
        return HttpResponse("caught", status=418)

    set_up(package, MIDDLEWARE=[SUBCLASS])
    subclass(package, process_exception=process_exception)
    return [[ask("/boom").status_code for ask in (get, aget)], seen]


@both
def test_c01_process_exception_of_a_subclass_answers(package: str) -> None:
    assert isolated(caught, package) == [[418, 418], ["boom", "boom"]]


def replaced_logger(package: str) -> list[str]:
    """Return the default logger, and that of a summary after another was set."""
    set_up(package, MIDDLEWARE=[SUBCLASS])
    logger = logging.getLogger("replaced")
    module = importlib.import_module(f"{package}.django.middleware")

    def __init__(self: Any, get_response: Any) -> None:
        module.DockerflowMiddleware.__init__(self, get_response)
        LOGGED.append(self.summary_logger.name)
        self.summary_logger = logger

    subclass(package, __init__=__init__)
    get()
    return LOGGED


@both
def test_c01_summaries_are_logged_with_the_summary_logger(package: str) -> None:
    assert isolated(replaced_logger, package) == ["request.summary", "replaced"]


# C09


def eager_redis(package: str) -> list[str]:
    """Return the ids for a client that connects when it is made, with Redis down."""
    client = "tests.compat.rows.eager.EagerClient"
    backend = "django_redis.cache.RedisCache"
    options = {"CLIENT_CLASS": client}
    cache = {"BACKEND": backend, "LOCATION": NOBODY, "OPTIONS": options}
    set_up(package, CACHES={"default": cache})
    checks = importlib.import_module(f"{package}.django.checks")
    return [message.id for message in checks.check_redis_connected(None)]


@both
def test_c09_a_client_that_connects_when_it_is_made(package: str) -> None:
    pytest.importorskip("django_redis")
    assert isolated(eager_redis, package) == ["dockerflow.health.E004"]


# C10


def unapplied(package: str) -> list[list[str]]:
    """Return the applications of the messages, for one, for none, and for all."""
    from django.apps import apps

    contrib = ["django.contrib.sessions", "django.contrib.contenttypes"]
    set_up(package, INSTALLED_APPS=[*contrib, f"{package}.django"])
    check = importlib.import_module(f"{package}.django.checks").check_migrations_applied

    def named(configs: Any) -> list[str]:
        text = " ".join(message.msg for message in check(configs))
        return [app for app in ("contenttypes", "sessions") if f"{app}." in text]

    own = apps.get_app_config(package)
    sessions = apps.get_app_config("sessions")
    return [named([sessions]), named([own]), named([]), named(None)]


@both
def test_c10_only_the_given_applications_are_checked(package: str) -> None:
    every = ["contenttypes", "sessions"]
    assert isolated(unapplied, package) == [["sessions"], [], every, every]


# C23


def lukewarm(app_configs: Any, **kwargs: Any) -> list[Any]:
    """Return a warning."""
    from django.core import checks

    return [checks.Warning("The cache is lukewarm.", id="compat.W001")]


def system_checks(package: str) -> list[Any]:
    """Return the checks of heartbeats, by default and with Django's system checks."""
    from django.conf import settings
    from django.core import checks
    from django.test import override_settings

    def stuck(app_configs: Any, **kwargs: Any) -> list[Any]:
        return [checks.Error("The queue is stuck.", id="compat.E001")]

    checks.register(stuck)
    set_up(package, DOCKERFLOW_CHECKS=[f"{__name__}.lukewarm"])
    settings.DEBUG = True
    answers = []
    for wanted in (None, True):
        with override_settings(DOCKERFLOW_SYSTEM_CHECKS=wanted):
            answers.append(json.loads(get("/__heartbeat__").content))
    return answers


def test_c23_the_heartbeat_has_no_system_checks_by_default() -> None:
    by_default, asked_for = isolated(system_checks, OURS)
    assert by_default["status"] == "warning"
    assert by_default["checks"] == {"lukewarm": "warning"}
    assert asked_for["status"] == "error"
    listed = {"lukewarm": "warning", "stuck": "error", "check_all_models": "ok"}
    assert asked_for["checks"].items() >= listed.items()
    # As in python-dockerflow, which has no setting.
    if THEIRS_IS_INSTALLED:
        theirs, _ = isolated(system_checks, "dockerflow")
        assert theirs["checks"] == asked_for["checks"]
