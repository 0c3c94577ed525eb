"""The intended differences in Django."""

from __future__ import annotations

from tests.compat.compare import Difference

PROBE = "* /__[hlv]*"

DIFFERENCES: list[Difference] = [
    Difference(
        "GET /__heartbeat__*",
        "body.checks.*",
        "System checks run only with DOCKERFLOW_SYSTEM_CHECKS.",
    ),
    Difference("*", "request.summary.Fields.code", "The summary has the status."),
    Difference("*", "request.summary.Fields.error", "The summary names the exception."),
    Difference(
        "GET /unavailable",
        "request.summary.*",
        "A 5xx response is an error.",
    ),
    Difference(
        "GET /gone",
        "request.summary.*",
        "Http404 is a 404 response and no error.",
    ),
    Difference(
        "*",
        "request.summary.Fields.uid",
        "By default, the summary names the user only if the view loaded the user.",
    ),
    Difference(
        "*", "header.vary", "Without loading the user, no response varies by cookie."
    ),
    Difference(
        "* X-Request-ID:two words",
        "request.summary.Fields.rid",
        "An invalid id is replaced.",
    ),
    Difference(
        "* /__*",
        "*.Fields.rid",
        "The endpoints have the id of their own request, not a previous one.",
    ),
    Difference(
        PROBE,
        "header.cache-control",
        "Caches must not store the responses of endpoints.",
    ),
    Difference(PROBE, "header.content-length", "Endpoints send a Content-Length."),
    Difference(
        "* /__lbheartbeat__*",
        "header.content-type",
        "The empty body is text, not HTML.",
    ),
    Difference("POST /__*", "status", "The endpoints allow GET and HEAD."),
    Difference("POST /__*", "body*", "A 405 response."),
    Difference("POST /__*", "header.content-type", "A 405 response."),
    Difference("POST /__*", "header.allow", "A 405 response."),
    Difference("POST /__*", "header.x-signals", "A 405 response runs no checks."),
    Difference("POST /__*", "django.request*", "Django logs 405 responses."),
    Difference(
        "* /__heartbeat__*",
        "dockerflow.checks*",
        "A failing check is one record, logged when it changes.",
    ),
    Difference(
        "GET /__error__*",
        "dockerflow.error*",
        "The endpoint has one logger in all frameworks.",
    ),
    Difference("GET /__error__*", "dockerflow.django*", "The previous logger."),
    Difference("GET /__error__*", "request.summary*", "The request has a summary."),
]
