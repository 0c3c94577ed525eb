"""The id of a user whom Flask-Login has loaded, found without a query."""

from __future__ import annotations

from typing import Any

import flask


def id_of(user: Any) -> str | None:
    """Give the id of a loaded user, or None for somebody who is not logged in."""
    if _is_anonymous(user):
        return None
    state = getattr(user, "_sa_instance_state", None)
    if state is not None and state.expired_attributes:
        return _id_of_expired(user, state)
    user_id: str | None = user.get_id()
    return user_id


def _is_anonymous(user: Any) -> bool:
    # Flask-Login asks for both, and versions before 0.3 had methods; is_authenticated
    # comes second, as it may be a column's business, which takes a query.
    anonymous = getattr(user, "is_anonymous", None)
    if anonymous is not None:
        return bool(anonymous() if callable(anonymous) else anonymous)
    authenticated = getattr(user, "is_authenticated", False)
    return not (authenticated() if callable(authenticated) else authenticated)


def _id_of_expired(user: Any, state: Any) -> str | None:
    # What SQLAlchemy has committed since would be read again to tell its id, or could
    # not be. It still knows the primary key, and the session has what get_id() gave
    # when the user logged in, which may be another thing.
    key = [str(value) for value in state.identity or ()]
    in_session: str | None = flask.session.get("_user_id")
    columns = [column.key for column in state.mapper.primary_key]
    if columns == ["id"] and type(user).get_id.__module__ == "flask_login.mixins":
        return key[0] if key else in_session
    return in_session
