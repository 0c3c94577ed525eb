"""The intended differences in Django."""

from __future__ import annotations

from tests.compat.compare import Difference
from tests.compat.differences.reasons import (
    CHECK,
    CLIENT_ERROR,
    CODE,
    COOKIE,
    EMPTY,
    ERROR_LOGGER,
    EXCEPTION,
    FAILURE,
    INVALID_ID,
    LENGTH,
    METHODS,
    NO_STORE,
    USER,
)

PROBE = "* /__*"

DIFFERENCES: list[Difference] = [
    Difference(
        "GET /__heartbeat__*",
        "body.checks.*",
        "Django's system checks are in the heartbeat only if"
        " `DOCKERFLOW_SYSTEM_CHECKS` is True.",
    ),
    Difference("*", "request.summary.Fields.code", CODE),
    Difference("*", "request.summary.Fields.error", EXCEPTION),
    *(
        Difference("GET /unavailable", f"request.summary.{field}", FAILURE)
        for field in ("Fields.errno", "Severity")
    ),
    Difference("GET /gone", "request.summary.*", CLIENT_ERROR),
    Difference("*", "request.summary.Fields.uid", USER),
    Difference("*", "header.vary", COOKIE),
    Difference("* X-Request-ID:two words", "request.summary.Fields.rid", INVALID_ID),
    Difference(
        "* /__*",
        "*.Fields.rid",
        "`rid` is the id of the request itself, and not of the previous request.",
    ),
    Difference(PROBE, "header.cache-control", NO_STORE),
    Difference(PROBE, "header.content-length", LENGTH),
    Difference("* /__lbheartbeat__*", "header.content-type", EMPTY),
    Difference("POST /__*", "status", METHODS),
    Difference("POST /__*", "body*", METHODS),
    Difference("POST /__*", "header.content-type", METHODS),
    Difference("POST /__*", "header.allow", METHODS),
    Difference("POST /__*", "header.x-signals", METHODS),
    Difference(
        "POST /__*", "django.request*", "Django logs each 405 response at WARNING."
    ),
    Difference("* /__heartbeat__*", "dockerflow.checks*", CHECK),
    Difference("* /__error__*", "dockerflow.*", ERROR_LOGGER),
    Difference(
        "GET /__error__*",
        "request.summary*",
        "The request has a summary, as each request has.",
    ),
]
