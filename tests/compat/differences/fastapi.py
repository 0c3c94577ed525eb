"""The intended differences in FastAPI."""

from __future__ import annotations

from tests.compat.compare import Difference
from tests.compat.differences.reasons import (
    CHECK,
    EMPTY,
    ERROR_LOGGER,
    EXCEPTION,
    FAILURE,
    HEAD,
    JSON,
    NO_STORE,
)

SUMMARY = "request.summary.Fields"
SAME_FIELDS = "The summary has the fields that it has in the other frameworks."

DIFFERENCES = [
    # The log
    Difference(
        "*",
        "request.summary.Logger",
        "If the application configures a formatter, `Logger` is its `logger_name`.",
    ),
    Difference("*", f"{SUMMARY}.errno", SAME_FIELDS),
    Difference("*", f"{SUMMARY}.uid", SAME_FIELDS),
    Difference("*", "request.summary.Severity", FAILURE),
    Difference("*", f"{SUMMARY}.error", EXCEPTION),
    Difference("*", f"{SUMMARY}.msg", EXCEPTION),
    Difference("* /__heartbeat__*", "dockerflow.checks*", CHECK),
    Difference("* /__error__*", "dockerflow.*", ERROR_LOGGER),
    # The endpoints
    Difference("* /__*", "header.cache-control", NO_STORE),
    Difference("* /__*", "header.content-length", JSON),
    Difference("* /__lbheartbeat__*", "body*", EMPTY),
    Difference("* /__lbheartbeat__*", "header.content-type", EMPTY),
    *(
        Difference("HEAD /__*", field, HEAD)
        for field in (
            *("status", f"{SUMMARY}.code"),
            *("header.allow", "header.content-type"),
        )
    ),
    Difference("POST /__*", "header.allow", HEAD),
]
