"""The intended differences in Flask."""

from __future__ import annotations

from tests.compat.compare import Difference

PROBE = "* /__[hlv]*"

DIFFERENCES: list[Difference] = [
    Difference("*", "request.summary.Fields.code", "The summary has the status."),
    Difference("*", "request.summary.Fields.error", "The summary names the exception."),
    Difference(
        "GET /unavailable",
        "request.summary.*",
        "A 5xx response is an error.",
    ),
    Difference(
        "GET /?q=*",
        "request.summary.Fields.querystring",
        "The query string is decoded and its credentials are masked.",
    ),
    Difference(
        "* X-Request-ID:two words",
        "request.summary.Fields.rid",
        "An invalid id is replaced.",
    ),
    Difference(
        "*",
        "request.summary.Fields.uid",
        "The summary names the user only if the application loaded the user.",
    ),
    Difference(
        PROBE,
        "header.cache-control",
        "Caches must not store the responses of endpoints.",
    ),
    Difference(PROBE, "header.content-length", "The JSON has other whitespace."),
    Difference(
        PROBE, "header.vary", "The extension answers probes in front of the session."
    ),
    Difference(
        "* /__lbheartbeat__*",
        "header.content-type",
        "The empty body is text, not HTML.",
    ),
    Difference("POST /__*", "body", "A 405 response is one line of text."),
    Difference("POST /__*", "header.content-type", "A 405 response is text."),
    Difference(
        "POST /__*", "header.allow", "The endpoints allow GET and HEAD, not OPTIONS."
    ),
    *(
        Difference(
            f"GET /__{name}__/", field, "An endpoint also has the path with a slash."
        )
        for name in ("version", "heartbeat", "lbheartbeat")
        for field in ("status", "body*", "header.content-type")
    ),
    Difference("GET /__error__/", "*", "An endpoint also has the path with a slash."),
    Difference(
        "* /__heartbeat__*",
        "dockerflow.checks*",
        "A failing check is one record, logged when it changes.",
    ),
    Difference(
        "GET /__error__",
        "dockerflow.error*",
        "The endpoint has one logger in all frameworks.",
    ),
    Difference("GET /__error__", "dockerflow.flask*", "The previous logger."),
]
