"""Defects of python-dockerflow's heartbeat, by the names that they were found under.

Each is shown not to be here. Those of one built-in check are beside its tests.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from dockerflow_mw import checks
from dockerflow_mw.checks import DuplicateCheckError
from tests.doors import Door

MakeDoor = Callable[..., Door]


def report(made: Door) -> tuple[int, Any]:
    """Give the status of a heartbeat and what its body says."""
    answer = made.ask("/__heartbeat__")
    return answer.status, json.loads(answer.body)


def fine() -> None: ...


def other() -> None: ...


def test_b1_a_check_is_not_replaced_silently(door: MakeDoor) -> None:
    made = door()
    made.application.check(fine, name="redis")
    with pytest.raises(DuplicateCheckError, match="A check named 'redis' is already"):
        made.application.check(other, name="redis")


def test_b2_an_exception_in_one_check_leaves_the_report_whole(door: MakeDoor) -> None:
    made = door()
    made.application.check(fine)
    made.application.check(lambda: 1 / 0, name="broken")
    status, body = report(made)
    assert (status, body["checks"]) == (500, {"fine": "ok", "broken": "error"})


def test_b3_no_credential_of_a_driver_s_text_is_in_the_body(door: MakeDoor) -> None:
    text = "could not connect to postgresql://app:hunter2@db:5432/app"

    def raises() -> None:
        raise ConnectionError(text)

    made = door()
    made.application.check(raises)
    made.application.check(lambda: checks.Error(text, id="E1"), name="says")
    assert b"hunter2" not in made.ask("/__heartbeat__").body


@pytest.mark.parametrize(
    ("value", "word"),
    [(None, "ok"), (True, "ok"), (False, "error"), ("text", "error"), (3, "error")],
)
def test_b4_whatever_a_check_returns_there_is_a_report(
    door: MakeDoor, value: object, word: str
) -> None:
    made = door()
    made.application.check(lambda: value, name="x")
    assert report(made)[1]["checks"] == {"x": word}


def test_b5_messages_of_one_id_are_all_shown(door: MakeDoor) -> None:
    made = door()
    error = checks.Error("down", id="E1")
    made.application.check(lambda: [error, error], name="x")
    messages = report(made)[1]["details"]["x"]["messages"]
    assert messages == {"E1": "down", "E1 (2)": "down"}


def test_b6_sync_checks_do_not_wait_for_one_another(door: MakeDoor) -> None:
    together = threading.Barrier(3)

    def meets() -> None:
        together.wait(timeout=20)

    made = door()
    for number in range(3):
        made.application.check(meets, name=str(number))
    assert report(made)[0] == 200
