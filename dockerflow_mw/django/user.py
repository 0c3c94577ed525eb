"""Who a request is by, as far as Django knows it already."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import LazyObject, empty


def uid_of(request: HttpRequest) -> Any:
    """Give the primary key of the user that was loaded; an empty string for nobody.

    Nothing is loaded for it: not ``request.user``, whose look at the session is a
    query and makes the response vary by cookie.
    """
    known = request.__dict__
    user = known.get("user")
    if isinstance(user, LazyObject):
        user = user._wrapped
        if user is empty:
            # Loaded without it, by get_user() or by auser().
            user = known.get("_cached_user") or known.get("_acached_user")
    if user is None or not getattr(user, "is_authenticated", False):
        return ""
    return getattr(user, "pk", None) or ""
