"""The status and the body of a heartbeat, behind every door."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from dockerflow_mw import checks
from dockerflow_mw.checks import DuplicateCheckError
from tests.doors import Door

MakeDoor = Callable[..., Door]


def report(made: Door) -> Any:
    """Return the status and the JSON body of a heartbeat."""
    answer = made.ask("/__heartbeat__")
    return answer.status, json.loads(answer.body)


def failing() -> checks.CheckMessage:
    return checks.Error("down", id="E1")


def test_a_check_that_is_not_critical_gives_a_warning_at_most(door: MakeDoor) -> None:
    made = door()
    made.application.check(failing, name="x", critical=False)
    status, body = report(made)
    assert (status, body["status"]) == (200, "warning")
    assert body["checks"] == {"x": "error"}
    assert body["details"]["x"]["level"] == checks.ERROR


@pytest.mark.parametrize(
    ("options", "check_options", "status"),
    [
        ({}, {}, 200),
        ({"fail_level": "warning"}, {}, 500),
        ({}, {"fail_level": "warning"}, 500),
        ({"fail_level": "warning"}, {"fail_level": "error"}, 200),
        ({"fail_level": "warning"}, {"critical": False}, 200),
    ],
)
def test_a_warning_fails_the_heartbeat_only_at_that_fail_level(
    door: MakeDoor, options: dict[str, str], check_options: dict[str, Any], status: int
) -> None:
    made = door(**options)
    warning = checks.Warning("slow", id="W1")
    made.application.check(lambda: warning, name="x", **check_options)
    answered, body = report(made)
    assert (answered, body["status"]) == (status, "warning")


def test_an_error_below_the_fail_level_is_shown_with_200(door: MakeDoor) -> None:
    made = door(fail_level="critical")
    made.application.check(failing)
    status, body = report(made)
    assert (status, body["status"]) == (200, "error")


def test_failures_before_error_turns_the_first_failures_into_warnings(
    door: MakeDoor,
) -> None:
    values = iter([False, False, True, False, False, False, False, True])
    made = door()
    made.application.check(lambda: next(values), name="x", failures_before_error=3)
    reports = [report(made) for _ in range(8)]
    assert [(status, body["checks"]["x"]) for status, body in reports] == [
        (200, "warning"),
        (200, "warning"),
        (200, "ok"),
        (200, "warning"),
        (200, "warning"),
        (500, "error"),
        (500, "error"),
        (200, "ok"),
    ]


def test_credentials_in_names_and_ids_are_masked(door: MakeDoor) -> None:
    made = door()
    error = checks.Error("x", id="password=hunter2")
    made.application.check(lambda: error, name="redis://:hunter2@cache")
    assert b"hunter2" not in made.ask("/__heartbeat__").body


@pytest.mark.parametrize("identity", [("a",), ["a"], b"a", 3, object()])
def test_an_id_of_any_type_is_shown_as_text(door: MakeDoor, identity: Any) -> None:
    made = door()
    made.application.check(lambda: checks.Error("x", id=identity), name="x")
    status, body = report(made)
    assert (status, body["details"]["x"]["messages"]) == (500, {str(identity): "x"})


def test_a_heartbeat_has_no_message_of_the_previous_one(door: MakeDoor) -> None:
    messages: list[checks.CheckMessage] = [failing()]
    made = door()
    made.application.check(lambda: messages, name="x")
    assert report(made)[0] == 500
    messages.clear()
    assert report(made) == (200, {"status": "ok", "checks": {"x": "ok"}, "details": {}})


def test_a_heartbeat_ends_with_its_last_check(door: MakeDoor) -> None:
    made = door()

    @made.application.check
    def blocking() -> None:
        time.sleep(0.05)

    @made.application.check
    async def suspending() -> None:
        await asyncio.sleep(0.05)

    start = time.monotonic()
    assert report(made)[0] == 200
    assert time.monotonic() - start < 1


def test_a_heartbeat_without_checks_is_ok(door: MakeDoor) -> None:
    answer = door().ask("/__heartbeat__")
    assert answer.status == 200
    assert json.loads(answer.body) == {"status": "ok", "checks": {}, "details": {}}


def test_a_heartbeat_runs_and_reports_sync_and_async_checks(door: MakeDoor) -> None:
    made = door(heartbeat_failed_status_code=503)

    @made.application.check
    def fine() -> None: ...

    @made.application.check
    async def also_fine() -> list[checks.CheckMessage]:
        return []

    @made.application.check(name="bugzilla.up")
    async def down() -> list[checks.CheckMessage]:
        return [checks.Error("no answer", id="bugzilla.E001")]

    @made.application.check
    def tired() -> list[checks.CheckMessage]:
        return [checks.Warning("slow", id="tired.W001")]

    answer = made.ask("/__heartbeat__")
    assert answer.status == 503
    assert json.loads(answer.body) == {
        "status": "error",
        "checks": {
            "fine": "ok",
            "also_fine": "ok",
            "bugzilla.up": "error",
            "tired": "warning",
        },
        "details": {
            "bugzilla.up": {
                "status": "error",
                "level": 40,
                "messages": {"bugzilla.E001": "no answer"},
            },
            "tired": {
                "status": "warning",
                "level": 30,
                "messages": {"tired.W001": "slow"},
            },
        },
    }


def test_silenced_messages_do_not_count(door: MakeDoor) -> None:
    made = door(silenced_checks="x.E1,y.E1")
    made.application.check(lambda: checks.Error("known", id="x.E1"), name="x")
    answer = made.ask("/__heartbeat__")
    assert answer.status == 200
    assert json.loads(answer.body)["checks"] == {"x": "ok"}


def test_credentials_in_a_message_are_masked(door: MakeDoor) -> None:
    made = door()
    text = "cannot reach redis://:s3cret@cache:6379 (password=s3cret)"
    made.application.check(lambda: text, name="cache")
    answer = made.ask("/__heartbeat__")
    assert b"s3cret" not in answer.body
    assert b"redis://***@cache:6379 (password=***)" in answer.body


def test_a_second_check_of_the_same_name_is_refused(door: MakeDoor) -> None:
    made = door()
    made.application.check(lambda: True, name="redis")
    with pytest.raises(DuplicateCheckError, match="A check named 'redis' is already"):
        made.application.check(failing, name="redis")


@pytest.mark.parametrize(
    ("value", "status"),
    [(None, "ok"), (True, "ok"), (False, "error"), ("text", "error"), (3, "error")],
)
def test_the_return_value_of_a_check_sets_its_status(
    door: MakeDoor, value: object, status: str
) -> None:
    made = door()
    made.application.check(lambda: value, name="x")
    assert report(made)[1]["checks"] == {"x": status}


def test_messages_with_the_same_id_are_all_shown(door: MakeDoor) -> None:
    made = door()
    error = checks.Error("down", id="E1")
    made.application.check(lambda: [error, error], name="x")
    messages = report(made)[1]["details"]["x"]["messages"]
    assert messages == {"E1": "down", "E1 (2)": "down"}


def test_sync_checks_run_concurrently(door: MakeDoor) -> None:
    barrier = threading.Barrier(3)

    def waits_for_the_others() -> None:
        barrier.wait(timeout=20)

    made = door()
    for number in range(3):
        made.application.check(waits_for_the_others, name=str(number))
    assert report(made)[0] == 200
