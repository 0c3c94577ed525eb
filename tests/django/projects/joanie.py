"""A7, openfun/joanie, openfun/marsha and mozilla/normandy: what they extend."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlparse

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path

from dockerflow_mw.django.middleware import DockerflowMiddleware
from dockerflow_mw.django.signals import heartbeat_failed, heartbeat_passed
from tests.django.projects import AUTH, CONTRIB, SESSIONS, folder, set_up

SENT: list[tuple[str, int]] = []


class JoanieDockerflowMiddleware(DockerflowMiddleware):
    """Log requests without a look at the user, which would make one."""

    def _build_extra_meta(self, request: HttpRequest) -> dict[str, Any]:
        out = {
            "errno": 0,
            "agent": request.META.get("HTTP_USER_AGENT", ""),
            "lang": request.META.get("HTTP_ACCEPT_LANGUAGE", ""),
            "method": request.method,
            "path": request.path,
        }
        if hasattr(request, "_id"):
            out["rid"] = request._id
        if hasattr(request, "_start_timestamp"):
            out["t"] = int(1000 * (time.time() - request._start_timestamp))
        return out


@receiver(heartbeat_passed)
def heartbeat_passed_handler(sender: Any, level: int, **kwargs: Any) -> None:
    SENT.append(("heartbeat.pass", level))


@receiver(heartbeat_failed)
def heartbeat_failed_handler(sender: Any, level: int, **kwargs: Any) -> None:
    SENT.append(("heartbeat.fail", level))


def matches_dockerflow_urls(url: str) -> bool:
    """Return whether Sentry ignores the transaction, as in marsha."""
    url_path = urlparse(url).path
    return any(p.match(url_path) for p, _ in DockerflowMiddleware.viewpatterns)


def anonymous(request: HttpRequest) -> HttpResponse:
    return HttpResponse("no user is looked at")


def whoami(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


urlpatterns = [path("anonymous", anonymous), path("whoami", whoami)]

OURS = [f"{__name__}.JoanieDockerflowMiddleware", SESSIONS, AUTH]
PLAIN = ["dockerflow_mw.django.middleware.DockerflowMiddleware", SESSIONS, AUTH]

BASE_DIR = folder()
set_up(
    __name__,
    BASE_DIR,
    BASE_DIR=BASE_DIR,
    ATOMIC_REQUESTS=True,
    INSTALLED_APPS=[*CONTRIB, "dockerflow_mw.django"],
    MIDDLEWARE=OURS,
    SILENCED_SYSTEM_CHECKS=["dockerflow.health.W001"],
)
ANN = get_user_model().objects.create_user("ann", "ann@example.org", "secret")
connection.close()


@pytest.fixture(params=[OURS, PLAIN], ids=["joanie", "plain"])
def client(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[Client]:
    caplog.set_level("INFO")
    with override_settings(MIDDLEWARE=request.param):
        made = Client(raise_request_exception=False)
        made.force_login(ANN)
        yield made


def of(caplog: pytest.LogCaptureFixture) -> Any:
    (record,) = (r for r in caplog.records if r.name == "request.summary")
    return record


def test_the_extra_meta_is_in_the_record(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/anonymous", HTTP_USER_AGENT="me", HTTP_X_REQUEST_ID="an-id")
    record = of(caplog)
    assert (record.agent, record.path, record.rid) == ("me", "/anonymous", "an-id")
    assert (record.errno, record.code) == (0, 200)


def test_no_query_is_made_for_the_log(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with CaptureQueriesContext(connection) as queries:
        response = client.get("/anonymous")
    assert (len(queries), of(caplog).uid) == (0, "")
    assert not response.has_header("Vary")


def test_a_stopped_database_is_not_asked_for_the_user(
    client: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OperationalError("down")

    connection.close()
    monkeypatch.setattr(BaseDatabaseWrapper, "connect", refuse)
    assert client.get("/anonymous").status_code == 200
    assert client.get("/__lbheartbeat__").status_code == 200


def test_the_user_that_the_view_has_loaded_is_there(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with CaptureQueriesContext(connection) as queries:
        response = client.get("/whoami")
    assert response.content == b"ann"
    assert len(queries) == 2
    assert response["Vary"] == "Cookie"
    assert of(caplog).uid == ANN.pk


def test_the_signals_have_their_level(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    SENT.clear()
    with override_settings(DEBUG=True):
        client.get("/__heartbeat__")
    monkeypatch.setattr(
        BaseDatabaseWrapper, "is_usable", lambda _: False, raising=False
    )
    from django.db.backends.sqlite3.base import DatabaseWrapper

    monkeypatch.setattr(DatabaseWrapper, "is_usable", lambda _: False)
    with override_settings(DEBUG=True):
        client.get("/__heartbeat__")
    assert SENT == [("heartbeat.pass", 0), ("heartbeat.fail", 40)]


@pytest.fixture
def unapplied() -> Iterator[None]:
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("sessions", "0001_initial")
    yield
    recorder.record_applied("sessions", "0001_initial")


@pytest.mark.usefixtures("unapplied")
def test_w001_is_silenced(client: Client) -> None:
    with override_settings(DEBUG=True):
        assert client.get("/__heartbeat__").json()["status"] == "ok"
    with override_settings(DEBUG=True, SILENCED_SYSTEM_CHECKS=[]):
        report = client.get("/__heartbeat__").json()
    assert report["checks"]["check_migrations_applied"] == "warning"


def test_the_patterns_tell_what_sentry_is_not_told() -> None:
    urls = ["https://joanie.test/__heartbeat__", "https://joanie.test/anonymous"]
    assert [matches_dockerflow_urls(url) for url in urls] == [True, False]


def test_the_views_are_not_atomic(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.urls import include

    def refuse(*_: Any) -> None:
        raise OperationalError("down")

    mounted = (path("", include("dockerflow_mw.django.urls")),)
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    with override_settings(MIDDLEWARE=[], ROOT_URLCONF=mounted):
        anonymous_client = Client(raise_request_exception=False)
        monkeypatch.setattr(BaseDatabaseWrapper, "connect", refuse)
        connection.close()
        assert anonymous_client.get("/__lbheartbeat__").status_code == 200
        assert anonymous_client.get("/__heartbeat__").status_code == 500
