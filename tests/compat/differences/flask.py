"""The intended differences in Flask."""

from __future__ import annotations

from tests.compat.compare import Difference
from tests.compat.differences.reasons import (
    CHECK,
    CODE,
    COOKIE,
    EMPTY,
    ERROR_LOGGER,
    EXCEPTION,
    FAILURE,
    INVALID_ID,
    JSON,
    METHODS,
    NO_STORE,
    SLASH,
    USER,
)

PROBE = "* /__*"

DIFFERENCES: list[Difference] = [
    Difference("*", "request.summary.Fields.code", CODE),
    Difference("*", "request.summary.Fields.error", EXCEPTION),
    *(
        Difference("GET /unavailable", f"request.summary.{field}", FAILURE)
        for field in ("Fields.errno", "Severity")
    ),
    Difference(
        "GET /?q=*",
        "request.summary.Fields.querystring",
        "The query string is decoded, as in the other frameworks.",
    ),
    Difference("* X-Request-ID:two words", "request.summary.Fields.rid", INVALID_ID),
    Difference("*", "request.summary.Fields.uid", USER),
    Difference(PROBE, "header.cache-control", NO_STORE),
    Difference(PROBE, "header.content-length", JSON),
    # In Flask 3.1.3 only the probes differ: Flask-Login reads the other sessions.
    Difference("*", "header.vary", COOKIE),
    Difference("* /__lbheartbeat__*", "header.content-type", EMPTY),
    Difference("POST /__*", "body", METHODS),
    Difference("POST /__*", "header.content-type", METHODS),
    Difference("POST /__*", "header.allow", METHODS),
    *(
        Difference("GET /__*__/", field, SLASH)
        for field in ("status", "body*", "header.content-type")
    ),
    Difference("GET /__error__/", "*", SLASH),
    Difference("* /__heartbeat__*", "dockerflow.checks*", CHECK),
    Difference("* /__error__*", "dockerflow.*", ERROR_LOGGER),
]
