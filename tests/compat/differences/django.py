"""What differs in Django."""

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
        "GET /gone",
        "request.summary.*",
        "A view that raises Http404 has answered 404, which is no error.",
    ),
    Difference(
        "*",
        "request.summary.Fields.uid",
        "The user is named if the view has loaded it; none is loaded for this.",
    ),
    Difference(
        "*", "header.vary", "So a response does not vary by cookie because of this."
    ),
    Difference(
        "* X-Request-ID:two words",
        "request.summary.Fields.rid",
        "An id that could break a line or a header is replaced.",
    ),
    Difference(
        "* /__*",
        "*.Fields.rid",
        "The endpoints have the id of their own request, and not that of one before.",
    ),
    Difference(
        PROBE, "header.cache-control", "A probe must not be answered by a cache."
    ),
    Difference(PROBE, "header.content-length", "An answer tells its length."),
    Difference("* /__lbheartbeat__*", "header.content-type", "Nothing is no HTML."),
    Difference("POST /__*", "status", "The endpoints are for GET and HEAD."),
    Difference("POST /__*", "body*", "The same."),
    Difference("POST /__*", "header.content-type", "The same."),
    Difference("POST /__*", "header.allow", "The same."),
    Difference("POST /__*", "header.x-signals", "They run no checks."),
    Difference("POST /__*", "django.request*", "Django logs the answer to the others."),
    Difference(
        "* /__heartbeat__*",
        "dockerflow.checks*",
        "A failing check is one record with its name, logged when it is new.",
    ),
    Difference("GET /__error__*", "dockerflow.error*", "The record of the endpoint,"),
    Difference("GET /__error__*", "dockerflow.django*", "which had another logger."),
    Difference("GET /__error__*", "request.summary*", "Its request has a summary."),
]
