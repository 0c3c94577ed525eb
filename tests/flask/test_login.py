"""Flask-Login's user in the summary: named when loaded, and never loaded for it."""

from __future__ import annotations

from typing import Any

import flask
import pytest

from dockerflow_mw.flask import Dockerflow
from tests.flask.site import Records, make_app

flask_login = pytest.importorskip("flask_login")


class User(flask_login.UserMixin):  # type: ignore[misc, name-defined]
    """A user whose id is read from the database again once it was committed."""

    def __init__(self, identity: str) -> None:
        self.identity = identity
        self.expired = False

    @property
    def id(self) -> str:
        assert not self.expired, "a query was made for the log"
        return self.identity


class Site:
    """An application with users.

    Attributes:
        loaded: the ids of the users that were loaded.
    """

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.app = make_app()
        Dockerflow(self.app)
        login = flask_login.LoginManager(self.app)
        login.user_loader(self.load)
        login.request_loader(self.load_by_token)
        self.app.add_url_rule("/login", view_func=self.log_in)
        self.app.add_url_rule("/who", view_func=self.who)
        self.app.add_url_rule("/commit", view_func=self.commit)
        self.client = self.app.test_client()

    def load(self, identity: str) -> User:
        self.loaded.append(identity)
        return User(identity)

    def load_by_token(self, request: flask.Request) -> User | None:
        token = request.headers.get("Authorization")
        return None if token is None else self.load(token)

    def log_in(self) -> str:
        flask_login.login_user(User("u7"))
        return ""

    def who(self) -> str:
        return str(flask_login.current_user.is_authenticated)

    def commit(self) -> str:
        flask_login.current_user.expired = True
        return ""


@pytest.fixture
def site() -> Site:
    return Site()


def test_a_user_is_named_whom_the_application_asked_for(
    site: Site, summaries: Records
) -> None:
    for path in ("/who", "/login", "/who"):
        site.client.get(path)
    assert [r.uid for r in summaries()] == ["", "u7", "u7"]
    assert site.loaded == ["u7"]


def test_a_user_who_has_no_session_is_named(site: Site, summaries: Records) -> None:
    site.client.get("/who", headers={"Authorization": "token-1"})
    assert [r.uid for r in summaries()] == ["token-1"]


def test_e5_no_user_is_loaded_for_the_log(site: Site, summaries: Records) -> None:
    site.client.get("/login")
    for path in ("/", "/boom", "/missing", "/__heartbeat__"):
        site.client.get(path)
    assert site.loaded == []
    assert [r.uid for r in summaries()] == ["u7", "", "", "", ""]


def test_e7_no_query_is_made_for_the_id_of_a_user_who_is_there(
    site: Site, summaries: Records
) -> None:
    site.client.get("/login")
    assert site.client.get("/commit").status_code == 200
    assert [r.uid for r in summaries()] == ["u7", "u7"]


def test_the_application_knows_better(site: Site, summaries: Records) -> None:
    def impersonated() -> str:
        from dockerflow_mw import summary

        summary.add_fields(uid="admin")
        return str(flask_login.current_user.is_authenticated)

    site.app.view_functions["who"] = impersonated
    site.client.get("/login")
    site.client.get("/who")
    assert [r.uid for r in summaries()] == ["u7", "admin"]


def test_a_user_who_cannot_tell_an_id_breaks_no_request(
    site: Site, summaries: Records
) -> None:
    def odd() -> Any:
        flask.g._login_user = object()
        return "odd"

    site.app.view_functions["index"] = odd
    assert site.client.get("/").data == b"odd"
    assert [r.uid for r in summaries()] == [""]
