"""``/__error__``: raises an exception, to test error reporting."""

from __future__ import annotations

import logging

from dockerflow_mw.endpoints.http import Endpoint, Request, Response, bearer
from dockerflow_mw.logging import log_safely

logger = logging.getLogger("dockerflow.error")

# RFC 6750, section 3.
_UNAUTHORIZED = Response.of(
    401,
    b"This endpoint needs the bearer token of DOCKERFLOW_ERROR_TOKEN.\n",
    headers=(("WWW-Authenticate", "Bearer"),),
)


class Error(Endpoint):
    """The endpoint that raises an exception.

    Args:
        token: the bearer token that a request needs, if any.
    """

    def __init__(self, token: str | None = None) -> None:
        self._is_authorized = None if token is None else bearer(token)

    def respond(self, request: Request) -> Response:
        """Raise a test exception, or return a 401 if the token is missing.

        Raises:
            Exception: the test exception.
        """
        if self._is_authorized is not None and not self._is_authorized(request):
            return _UNAUTHORIZED
        log_safely(logger, logging.ERROR, "The __error__ endpoint was called")
        raise Exception("This is a test exception from the /__error__ endpoint.")
