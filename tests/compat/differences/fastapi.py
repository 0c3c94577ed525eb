from __future__ import annotations

from tests.compat.compare import Difference

SUMMARY = "request.summary.Fields"

DIFFERENCES = [
    # The log
    Difference("*", "dockerflow.middleware*", "The start tells what is served."),
    Difference("*", "request.summary.Logger", "No handler is added beside the user's."),
    Difference("*", f"{SUMMARY}.errno", "As in every other framework."),
    Difference("*", f"{SUMMARY}.uid", "As in every other framework."),
    Difference("*", "request.summary.Severity", "A failure is an error."),
    Difference("*", f"{SUMMARY}.error", "A failure is an error."),
    Difference("*", f"{SUMMARY}.msg", "A failure is an error."),
    Difference(
        "* /__heartbeat__*", "dockerflow.checks*", "Of a check, when it changes."
    ),
    Difference("* /__error__", "dockerflow.error*", "One logger in all frameworks."),
    Difference("* /__error__", "dockerflow.fastapi.views*", "See above."),
    # The endpoints
    Difference("* /__*", "header.cache-control", "A probe must not be cached."),
    Difference("* /__*__*", "header.content-length", "JSON is written with spaces."),
    Difference("* /__lbheartbeat__*", "body*", "Empty, as in every other framework."),
    Difference("* /__lbheartbeat__*", "header.content-type", "See above."),
    *(
        Difference(f"HEAD {path}", field, "HEAD is answered wherever GET is.")
        for path in ("/__version__", "/__error__")
        for field in ("status", f"{SUMMARY}.code", "header.allow")
    ),
    Difference("HEAD /__error__", "header.content-type", "HEAD is answered."),
    *(
        Difference("POST /__*", field, "The 405 of every framework.")
        for field in ("body*", "header.allow", "header.content-type")
    ),
    *(
        Difference("GET /__*__/", field, "A redirect is no answer to a probe.")
        for field in (
            *("status", f"{SUMMARY}.code", "body*"),
            *("header.location", "header.content-type"),
        )
    ),
]
