"""The user of Flask-Login in the summary. The log loads none."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest
import sqlalchemy
from sqlalchemy import orm

from dockerflow_mw.flask import Dockerflow
from tests.flask.site import Records, make_app

flask_login = pytest.importorskip("flask_login")


class User(flask_login.UserMixin):  # type: ignore[misc, name-defined]
    def __init__(self, identity: str) -> None:
        self.id = identity


class Site:
    """An application with Flask-Login.

    Attributes:
        loaded: the ids of the loaded users.
    """

    def __init__(self, **config: Any) -> None:
        self.loaded: list[str] = []
        self.app = make_app(**config)
        Dockerflow(self.app)
        login = flask_login.LoginManager(self.app)
        login.user_loader(self.load)
        login.request_loader(self.load_by_token)
        self.app.add_url_rule("/login", view_func=self.log_in)
        self.app.add_url_rule("/who", view_func=self.who)
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


@pytest.fixture
def site() -> Site:
    return Site()


def test_the_summary_has_the_user_that_the_application_loaded(
    site: Site, summaries: Records
) -> None:
    for path in ("/who", "/login", "/who"):
        site.client.get(path)
    assert [r.uid for r in summaries()] == ["", "u7", "u7"]
    assert site.loaded == ["u7"]


def test_the_summary_has_the_user_of_a_token(site: Site, summaries: Records) -> None:
    site.client.get("/who", headers={"Authorization": "token-1"})
    assert [r.uid for r in summaries()] == ["token-1"]


def test_the_log_loads_no_user(site: Site, summaries: Records) -> None:
    site.client.get("/login")
    for path in ("/", "/boom", "/missing", "/__heartbeat__"):
        site.client.get(path)
    assert site.loaded == []
    assert [r.uid for r in summaries()] == ["u7", "", "", "", ""]


def test_the_setting_loads_the_user(summaries: Records) -> None:
    site = Site(DOCKERFLOW_SUMMARY_LOAD_USER=True)
    for path in ("/", "/login", "/", "/boom", "/missing", "/__heartbeat__"):
        site.client.get(path)
    assert [r.uid for r in summaries()] == ["", "u7", "u7", "u7", "u7", ""]
    assert site.loaded == ["u7", "u7", "u7"]


def test_a_user_that_cannot_be_loaded_changes_no_response(
    summaries: Records, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site(DOCKERFLOW_SUMMARY_LOAD_USER=True)
    site.client.get("/login")
    site.app.login_manager.user_loader(lambda _: 1 / 0)  # type: ignore[attr-defined]
    assert site.client.get("/").data == b"a page"
    assert [r.uid for r in summaries()] == ["u7", ""]
    text = "The user or summary_extra() raised; the summary lacks that part."
    assert ("dockerflow.flask", logging.ERROR, text) in caplog.record_tuples


def test_the_setting_needs_no_flask_login(summaries: Records) -> None:
    app = make_app(DOCKERFLOW_SUMMARY_LOAD_USER=True)
    Dockerflow(app)
    assert app.test_client().get("/").data == b"a page"
    assert [r.uid for r in summaries()] == [""]


def test_a_uid_of_the_application_goes_before_the_loaded_user(
    site: Site, summaries: Records
) -> None:
    def impersonated() -> str:
        from dockerflow_mw import summary

        summary.add_fields(uid="admin")
        return str(flask_login.current_user.is_authenticated)

    site.app.view_functions["who"] = impersonated
    site.client.get("/login")
    site.client.get("/who")
    assert [r.uid for r in summaries()] == ["u7", "admin"]


def test_a_user_without_an_id_changes_no_response(
    site: Site, summaries: Records
) -> None:
    def odd() -> Any:
        flask.g._login_user = object()
        return "odd"

    site.app.view_functions["index"] = odd
    assert site.client.get("/").data == b"odd"
    assert [r.uid for r in summaries()] == [""]


def test_the_user_of_a_token_goes_before_the_user_of_the_session(
    site: Site, summaries: Records
) -> None:
    def load(identity: str) -> User | None:
        return None if identity == "u7" else User(identity)

    site.app.login_manager.user_loader(load)  # type: ignore[attr-defined]
    site.client.get("/login")
    site.client.get("/who", headers={"Authorization": "token-1"})
    assert [r.uid for r in summaries()] == ["u7", "token-1"]


def test_a_user_that_the_application_sets_goes_before_the_user_of_the_session(
    site: Site, summaries: Records
) -> None:
    def impersonates() -> str:
        flask.g._login_user = User("u8")
        return ""

    site.app.view_functions["who"] = impersonates
    site.client.get("/login")
    site.client.get("/who")
    assert [r.uid for r in summaries()] == ["u7", "u8"]


class Plain:
    """A user class without the mixin."""

    is_authenticated: Any = True

    def get_id(self) -> str:
        return "u9"


class Unknown(Plain):
    is_authenticated = False


class WithMethods(Plain):
    def is_authenticated(self) -> bool:
        return True


class UnknownWithMethods(Plain):
    def is_authenticated(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("kind", "uid"),
    [(Plain, "u9"), (Unknown, ""), (WithMethods, "u9"), (UnknownWithMethods, "")],
)
def test_is_authenticated_may_be_a_property_or_a_method(
    site: Site,
    summaries: Records,
    caplog: pytest.LogCaptureFixture,
    kind: type[Plain],
    uid: str,
) -> None:
    def loads() -> str:
        flask.g._login_user = kind()
        return ""

    site.app.view_functions["index"] = loads
    site.client.get("/")
    assert [r.uid for r in summaries()] == [uid]
    assert [r for r in caplog.records if r.name == "dockerflow.flask"] == []


class Base(orm.DeclarativeBase):
    """The declarative base."""


class Row(Base, flask_login.UserMixin):  # type: ignore[misc, name-defined]
    """A user whose id expires at a commit."""

    __tablename__ = "users"

    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)


class RowWithToken(Base, flask_login.UserMixin):  # type: ignore[misc, name-defined]
    """A user with an alternative token, as Flask-Login advises."""

    __tablename__ = "users_with_tokens"

    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    token: orm.Mapped[str]

    def get_id(self) -> str:
        return self.token


@pytest.fixture
def database() -> Iterator[orm.Session]:
    engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.pool.StaticPool)
    Base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        yield session
    engine.dispose()


Change = Callable[[orm.Session, Any], None]


def commits(session: orm.Session, user: Any) -> None:
    session.commit()


def rolls_back(session: orm.Session, user: Any) -> None:
    session.rollback()


def closes(session: orm.Session, user: Any) -> None:
    session.commit()
    session.close()


def leaves_loaded(session: orm.Session, user: Any) -> None:
    return None


@pytest.mark.parametrize("change", [commits, rolls_back, closes, leaves_loaded])
@pytest.mark.parametrize(
    ("make", "stale", "uid"),
    [
        pytest.param(lambda: Row(id=7), None, "7", id="of the session"),
        pytest.param(lambda: Row(id=7), "u1", "7", id="not of the session"),
        pytest.param(lambda: RowWithToken(id=7, token="t7"), "t7", "t7", id="a token"),
    ],
)
def test_the_log_makes_no_query_for_the_id_of_a_loaded_user(
    site: Site,
    summaries: Records,
    caplog: pytest.LogCaptureFixture,
    database: orm.Session,
    change: Change,
    make: Callable[[], Any],
    stale: str | None,
    uid: str,
) -> None:
    queries = []

    def view() -> str:
        row = make()
        database.add(row)
        database.commit()
        database.refresh(row)
        flask_login.login_user(row)
        if stale is not None:
            flask.session["_user_id"] = stale
        change(database, row)
        sqlalchemy.event.listen(
            database.bind, "before_cursor_execute", lambda *args: queries.append(args)
        )
        return ""

    site.app.view_functions["index"] = view
    site.client.get("/")
    # After a commit or a rollback, the token would take a query; the key does not.
    expected = uid if change is leaves_loaded else "7"
    assert [r.uid for r in summaries()] == [expected]
    assert queries == []
    assert [r for r in caplog.records if r.name == "dockerflow.flask"] == []
