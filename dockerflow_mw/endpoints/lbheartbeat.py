"""``/__lbheartbeat__``: whether the process answers."""

from __future__ import annotations

from typing import ClassVar

from dockerflow_mw.endpoints.http import Endpoint, Request, Response


class LBHeartbeat(Endpoint):
    """The endpoint for load balancers: 200 with an empty body, without any check."""

    _OK = Response.of(200)
    fixed: ClassVar = {"GET": _OK, "HEAD": _OK.head()}

    def respond(self, request: Request) -> Response:
        """Return the same response each time."""
        return self._OK
