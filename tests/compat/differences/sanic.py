from __future__ import annotations

from tests.compat.compare import Difference

SUMMARY = "request.summary.Fields"
REFUSED = "What the client did wrong is no error of the service."

DIFFERENCES = [
    # The log
    Difference("*", f"{SUMMARY}.code", "The status that the client got."),
    *(
        Difference(request, field, REFUSED)
        for request in ("HEAD /*", "POST /*", "GET /missing", "GET /teapot")
        for field in (
            *(f"{SUMMARY}.errno", f"{SUMMARY}.error", f"{SUMMARY}.msg"),
            "request.summary.Severity",
        )
    ),
    *(
        Difference(request, field, "An answer of 5xx is an error.")
        for request in ("GET /unavailable", "GET /__heartbeat__*")
        for field in (f"{SUMMARY}.errno", "request.summary.Severity")
    ),
    Difference(
        "* /__heartbeat__*", "dockerflow.checks*", "Of a check, when it changes."
    ),
    Difference("* /__error__", "dockerflow.error*", "One logger in all frameworks."),
    Difference("* /__error__", "dockerflow.sanic*", "See above."),
    # The endpoints
    Difference("* /__*", "header.cache-control", "A probe must not be cached."),
    Difference("* /__*", "header.content-length", "Said under ASGI as well."),
    Difference("GET /__lbheartbeat__*", "header.content-type", "It is an empty text."),
    *(
        Difference("HEAD /__*", field, "HEAD is answered wherever GET is.")
        for field in ("status", "body", "header.allow", "header.content-type")
    ),
    *(
        Difference("POST /__*", field, "The 405 of every framework.")
        for field in ("body", "header.allow")
    ),
]
