"""The intended differences in Sanic."""

from __future__ import annotations

from tests.compat.compare import Difference
from tests.compat.differences.reasons import (
    CHECK,
    CLIENT_ERROR,
    CODE,
    EMPTY,
    ERROR_LOGGER,
    FAILURE,
    HEAD,
    LENGTH,
    METHODS,
    NO_STORE,
)

SUMMARY = "request.summary.Fields"

DIFFERENCES = [
    # The log
    Difference("*", f"{SUMMARY}.code", CODE),
    *(
        Difference(request, field, CLIENT_ERROR)
        for request in ("HEAD /*", "POST /*", "GET /missing", "GET /teapot")
        for field in (
            *(f"{SUMMARY}.errno", f"{SUMMARY}.error", f"{SUMMARY}.msg"),
            "request.summary.Severity",
        )
    ),
    *(
        Difference(request, field, FAILURE)
        for request in ("GET /unavailable",)
        for field in (f"{SUMMARY}.errno", "request.summary.Severity")
    ),
    Difference("* /__heartbeat__*", "dockerflow.checks*", CHECK),
    Difference("* /__error__*", "dockerflow.*", ERROR_LOGGER),
    # The endpoints
    Difference("* /__*", "header.cache-control", NO_STORE),
    Difference("* /__*", "header.content-length", LENGTH),
    Difference("* /__lbheartbeat__*", "header.content-type", EMPTY),
    *(
        Difference("HEAD /__*", field, HEAD)
        for field in ("status", "body", "header.allow", "header.content-type")
    ),
    *(Difference("POST /__*", field, METHODS) for field in ("body", "header.allow")),
]
