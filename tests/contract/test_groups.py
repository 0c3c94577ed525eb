"""The groups of checks, each at a path of its own, behind every door."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from dockerflow_mw import checks
from tests.doors import Door

MakeDoor = Callable[..., Door]


def report(made: Door, path: str = "/__heartbeat__", query: bytes = b"") -> Any:
    """Return the status and the JSON body of a heartbeat."""
    answer = made.ask(path, query=query)
    return answer.status, json.loads(answer.body)


def failing() -> checks.CheckMessage:
    return checks.Error("down", id="E1")


def test_a_group_reports_its_own_checks_at_its_path(door: MakeDoor) -> None:
    made = door(groups={"/__ready__": ["database"], "/tief/größe": "deep"})
    made.application.check(lambda: None, name="database")
    made.application.check(failing, name="third", tags=["deep"])
    assert report(made, "/__ready__") == (
        200,
        {"status": "ok", "checks": {"database": "ok"}, "details": {}},
    )
    assert report(made, "/__ready__/")[0] == 200
    status, body = report(made, "/tief/größe")
    assert (status, body["checks"]) == (500, {"third": "error"})
    assert report(made)[1]["checks"] == {"database": "ok", "third": "error"}
    assert made.ask("/__ready__", "POST").status == 405


@pytest.mark.parametrize("query", [b"checks=third", b"exclude=third"])
def test_selecting_a_check_outside_the_group_is_400(
    door: MakeDoor, query: bytes
) -> None:
    made = door(groups={"/__ready__": ["database"]})
    made.application.check(lambda: None, name="database")
    made.application.check(failing, name="third")
    assert report(made, "/__ready__", query)[0] == 400


def test_a_group_with_an_unknown_check_is_500_and_logged(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    made = door(groups={"/__ready__": ["databse"]})
    made.application.check(lambda: None, name="database")
    assert report(made, "/__ready__") == (
        500,
        {"error": "The group has an unknown check."},
    )
    message = (
        "The group /__ready__ cannot be served: There is no check and no tag"
        " 'databse'; there are database."
    )
    assert ("dockerflow.middleware", logging.CRITICAL, message) in caplog.record_tuples
    assert made.ask("/__lbheartbeat__").status == 200
