"""A6, mozilla/treeherder and mozilla/code-review: three lines of settings."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings

from tests.django.projects import AUTH, CONTRIB, DOCKERFLOW, SESSIONS, folder, set_up

urlpatterns: list[Any] = []

BASE_DIR = folder()
(BASE_DIR / "version.json").write_text('{"version": "v1", "commit": null}')
set_up(
    __name__,
    BASE_DIR,
    BASE_DIR=BASE_DIR,
    INSTALLED_APPS=[*CONTRIB, "dockerflow_mw.django"],
    MIDDLEWARE=[SESSIONS, AUTH, DOCKERFLOW],
)


@pytest.fixture
def client() -> Client:
    return Client()


def test_get_version(client: Client) -> None:
    response = client.get("/__version__")
    assert response.status_code == 200
    with open(f"{settings.BASE_DIR}/version.json") as version_file:
        assert response.json() == json.loads(version_file.read())


def test_get_heartbeat_debug(client: Client) -> None:
    settings.DEBUG = True
    heartbeat = client.get("/__heartbeat__").json()
    assert heartbeat["status"] == "ok"
    assert heartbeat["checks"]["check_database_connected"] == "ok"
    assert heartbeat["checks"]["check_migrations_applied"] == "ok"
    assert heartbeat["details"] == {}


def test_get_heartbeat(client: Client) -> None:
    settings.DEBUG = False
    response = client.get("/__heartbeat__")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


def test_it_follows_a_test_s_own_settings(client: Client) -> None:
    for debug, keys in ((True, 3), (False, 1), (True, 3)):
        with override_settings(DEBUG=debug):
            assert len(client.get("/__heartbeat__").json()) == keys


def test_get_lbheartbeat(client: Client) -> None:
    response = client.get("/__lbheartbeat__")
    assert response.status_code == 200
    assert response.content == b""
