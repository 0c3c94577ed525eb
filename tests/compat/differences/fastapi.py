"""The intended differences in FastAPI."""

from __future__ import annotations

from tests.compat.compare import Difference

SUMMARY = "request.summary.Fields"

DIFFERENCES = [
    # The log
    Difference(
        "*", "request.summary.Logger", "The package adds no handler to the logger."
    ),
    Difference("*", f"{SUMMARY}.errno", "The same field in all frameworks."),
    Difference("*", f"{SUMMARY}.uid", "The same field in all frameworks."),
    Difference("*", "request.summary.Severity", "A failure is an error."),
    Difference("*", f"{SUMMARY}.error", "A failure is an error."),
    Difference("*", f"{SUMMARY}.msg", "A failure is an error."),
    Difference(
        "* /__heartbeat__*",
        "dockerflow.checks*",
        "A failing check is one record, logged when it changes.",
    ),
    Difference("* /__error__", "dockerflow.error*", "One logger in all frameworks."),
    Difference("* /__error__", "dockerflow.fastapi.views*", "The previous logger."),
    # The endpoints
    Difference(
        "* /__*",
        "header.cache-control",
        "Caches must not store the responses of endpoints.",
    ),
    Difference("* /__*__*", "header.content-length", "The JSON has other whitespace."),
    Difference("* /__lbheartbeat__*", "body*", "An empty body, as in all frameworks."),
    Difference("* /__lbheartbeat__*", "header.content-type", "The empty body is text."),
    *(
        Difference(f"HEAD {path}", field, "The endpoints that allow GET allow HEAD.")
        for path in ("/__version__", "/__error__")
        for field in ("status", f"{SUMMARY}.code", "header.allow")
    ),
    Difference(
        "HEAD /__error__",
        "header.content-type",
        "The endpoints that allow GET allow HEAD.",
    ),
    Difference("POST /__*", "header.allow", "HEAD is allowed wherever GET is."),
]
