"""The intended differences in Sanic."""

from __future__ import annotations

from tests.compat.compare import Difference

SUMMARY = "request.summary.Fields"
CLIENT_ERROR = "A 4xx response is no error of the service."

DIFFERENCES = [
    # The log
    Difference("*", f"{SUMMARY}.code", "The status that the client received."),
    *(
        Difference(request, field, CLIENT_ERROR)
        for request in ("HEAD /*", "POST /*", "GET /missing", "GET /teapot")
        for field in (
            *(f"{SUMMARY}.errno", f"{SUMMARY}.error", f"{SUMMARY}.msg"),
            "request.summary.Severity",
        )
    ),
    *(
        Difference("GET /unavailable", field, "A 5xx response is an error.")
        for field in (f"{SUMMARY}.errno", "request.summary.Severity")
    ),
    Difference(
        "* /__heartbeat__*",
        "dockerflow.checks*",
        "A failing check is one record, logged when it changes.",
    ),
    Difference("* /__error__", "dockerflow.error*", "One logger in all frameworks."),
    Difference("* /__error__", "dockerflow.sanic*", "The previous logger."),
    # The endpoints
    Difference(
        "* /__*",
        "header.cache-control",
        "Caches must not store the responses of endpoints.",
    ),
    Difference(
        "* /__*",
        "header.content-length",
        "Endpoints send a Content-Length under ASGI as well.",
    ),
    Difference(
        "GET /__lbheartbeat__*", "header.content-type", "The empty body is text."
    ),
    *(
        Difference("HEAD /__*", field, "The endpoints that allow GET allow HEAD.")
        for field in ("status", "body", "header.allow", "header.content-type")
    ),
    *(
        Difference("POST /__*", field, "The same 405 response in all frameworks.")
        for field in ("body", "header.allow")
    ),
]
