"""The log records of the checks, behind every door."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

import pytest

from dockerflow_mw import checks
from tests.doors import Door

MakeDoor = Callable[..., Door]


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """Return the level and the message of each new record of a check."""
    records = [r for r in caplog.records if r.name == "dockerflow.checks.registry"]
    caplog.clear()
    return [(r.levelno, r.getMessage()) for r in records]


def test_each_failing_check_is_logged_with_the_level_of_its_messages(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    made = door(log_repeat_seconds=0)
    made.application.check(lambda: checks.Warning("w", id="a.W1"), name="a")
    made.application.check(lambda: checks.Critical("c", id="b.C1"), name="b")
    made.application.check(lambda: None, name="c")
    for _ in range(2):
        made.ask("/__heartbeat__")
        expected = [(logging.WARNING, "a.W1: w"), (logging.CRITICAL, "b.C1: c")]
        assert logged(caplog) == expected


def test_an_id_that_all_checks_share_is_logged_as_the_name_of_the_check(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    made = door()
    made.application.check(lambda: False, name="bucket")
    made.application.check(lambda: "no answer", name="search")
    made.ask("/__heartbeat__")
    assert logged(caplog) == [
        (logging.ERROR, "bucket: The check failed."),
        (logging.ERROR, "search: no answer"),
    ]


def test_a_check_is_logged_when_its_messages_change(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    current: list[checks.CheckMessage] = []
    made = door()
    made.application.check(lambda: list(current), name="db")
    probes = [
        ([], []),
        ([checks.Error("down", id="E1")], [(logging.ERROR, "E1: down")]),
        ([checks.Error("down", id="E1")], []),
        ([checks.Error("full", id="E2")], [(logging.ERROR, "E2: full")]),
        ([], [(logging.INFO, "db: ok again")]),
        ([], []),
    ]
    for messages, expected in probes:
        current[:] = messages
        made.ask("/__heartbeat__")
        assert logged(caplog) == expected


def test_a_check_that_raises_fails_alone_and_only_the_log_has_its_text(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    made = door()
    made.application.check(lambda: None, name="fine")

    @made.application.check
    def broken() -> None:
        raise RuntimeError("db://user:hunter2@host is down")

    answer = made.ask("/__heartbeat__")
    report = json.loads(answer.body)
    assert answer.status == 500
    assert report["checks"] == {"fine": "ok", "broken": "error"}
    assert report["details"]["broken"]["messages"] == {
        "dockerflow.health.E102": (
            "The check raised RuntimeError; the log has its traceback."
        )
    }
    assert b"hunter2" not in answer.body
    record = next(r for r in caplog.records if r.name == "dockerflow.checks.registry")
    assert record.levelno == logging.ERROR
    assert record.exc_info
    assert "hunter2" in str(record.exc_info[1])
