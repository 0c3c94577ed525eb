"""What differs in Flask."""

from __future__ import annotations

from tests.compat.compare import Difference

PROBE = "* /__[hlv]*"

DIFFERENCES: list[Difference] = [
    Difference("GET /", "dockerflow.middleware*", "What is served is said once."),
    Difference("*", "request.summary.Fields.code", "A summary says what was answered."),
    Difference(
        "*", "request.summary.Fields.error", "It says which exception it was, too."
    ),
    Difference(
        "GET /unavailable",
        "request.summary.*",
        "A view that answers 5xx is an error as well.",
    ),
    Difference(
        "* /__heartbeat__*",
        "request.summary.*",
        "A heartbeat that fails is an error as well.",
    ),
    Difference(
        "GET /?q=*",
        "request.summary.Fields.querystring",
        "The query string is decoded, once credentials are masked.",
    ),
    Difference(
        "* X-Request-ID:two words",
        "request.summary.Fields.rid",
        "An id that could break a line or a header is replaced.",
    ),
    Difference(
        "*",
        "request.summary.Fields.uid",
        "The user is named if the application asked for it; none is loaded for this.",
    ),
    Difference(
        PROBE, "header.cache-control", "A probe must not be answered by a cache."
    ),
    Difference(
        PROBE, "header.content-length", "The JSON is written by another writer."
    ),
    Difference("* /__lbheartbeat__*", "header.content-type", "Nothing is no HTML."),
    Difference("POST /__*", "body", "The answer to other methods is one line of text."),
    Difference("POST /__*", "header.content-type", "The same."),
    Difference("POST /__*", "header.allow", "GET and HEAD, and no OPTIONS."),
    *(
        Difference(f"GET /__{name}__/", field, "A slash at the end is as good as none.")
        for name in ("version", "heartbeat", "lbheartbeat")
        for field in ("status", "body*", "header.content-type")
    ),
    Difference("GET /__error__/", "*", "The same."),
    Difference(
        "* /__heartbeat__*",
        "dockerflow.checks*",
        "A failing check is one record with its name, logged when it is new.",
    ),
    Difference("GET /__error__", "dockerflow.error*", "The record of the endpoint,"),
    Difference("GET /__error__", "dockerflow.flask*", "which had another logger."),
]
