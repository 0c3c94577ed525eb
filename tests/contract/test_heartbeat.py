"""What a heartbeat means, and to whom it says how much, behind every door."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from dockerflow_mw import checks
from dockerflow_mw.endpoints.http import Request
from tests.doors import Door

MakeDoor = Callable[..., Door]

TOKEN = "a-token-of-some-length"


def report(made: Door, path: str = "/__heartbeat__", query: bytes = b"") -> Any:
    """Give the status of the answer and what its body says."""
    answer = made.ask(path, query=query)
    return answer.status, json.loads(answer.body)


def failing() -> checks.CheckMessage:
    return checks.Error("down", id="E1")


def test_what_is_not_critical_is_shown_and_warns_at_most(door: MakeDoor) -> None:
    made = door()
    made.application.check(failing, name="theirs", critical=False)
    status, body = report(made)
    assert (status, body["status"]) == (200, "warning")
    assert body["checks"] == {"theirs": "error"}
    assert body["details"]["theirs"]["level"] == checks.ERROR


@pytest.mark.parametrize(
    ("options", "registered", "status"),
    [
        ({}, {}, 200),
        ({"fail_level": "warning"}, {}, 500),
        ({}, {"fail_level": "warning"}, 500),
        ({"fail_level": "warning"}, {"fail_level": "error"}, 200),
        ({"fail_level": "warning"}, {"critical": False}, 200),
    ],
)
def test_the_level_that_fails_can_be_chosen(
    door: MakeDoor, options: dict[str, str], registered: dict[str, Any], status: int
) -> None:
    made = door(**options)
    warning = checks.Warning("slow", id="W1")
    made.application.check(lambda: warning, name="x", **registered)
    answered, body = report(made)
    assert (answered, body["status"]) == (status, "warning")


def test_an_error_may_be_too_little_to_fail(door: MakeDoor) -> None:
    made = door(fail_level="critical")
    made.application.check(failing)
    status, body = report(made)
    assert (status, body["status"]) == (200, "error")


def test_a_check_may_be_allowed_to_fail_some_times(door: MakeDoor) -> None:
    answers = iter([False, False, True, False, False, False, False, True])
    made = door()
    made.application.check(lambda: next(answers), name="x", failures_before_error=3)
    seen = [(status, body["checks"]["x"]) for status, body in _reports(made, 8)]
    assert seen == [
        (200, "warning"),
        (200, "warning"),
        (200, "ok"),
        (200, "warning"),
        (200, "warning"),
        (500, "error"),
        (500, "error"),
        (200, "ok"),
    ]


def _reports(made: Door, number: int) -> list[Any]:
    return [report(made) for _ in range(number)]


@pytest.mark.parametrize(
    ("query", "ran"),
    [
        (b"", ["a", "b", "c"]),
        (b"checks=a", ["a"]),
        (b"checks=c,a", ["a", "c"]),
        (b"checks=a&checks=%62", ["a", "b"]),
        (b"checks=deep", ["b", "c"]),
        (b"exclude=a", ["b", "c"]),
        (b"exclude=deep", ["a"]),
        (b"checks=deep&exclude=b", ["c"]),
        (b"exclude=a,b,c", []),
        (b"checks=", ["a", "b", "c"]),
        (b"other=1", ["a", "b", "c"]),
    ],
)
def test_people_can_pick_checks(door: MakeDoor, query: bytes, ran: list[str]) -> None:
    made = door()
    for name, tags in (("a", []), ("b", ["deep"]), ("c", ["deep"])):
        made.application.check(lambda: None, name=name, tags=tags)
    status, body = report(made, query=query)
    assert (status, list(body["checks"])) == (200, ran)


@pytest.mark.parametrize("query", [b"checks=a,nope", b"exclude=nope"])
def test_an_unknown_name_is_answered_400(door: MakeDoor, query: bytes) -> None:
    made = door()
    made.application.check(lambda: None, name="a")
    assert report(made, query=query) == (
        400,
        {"error": "There is no check and no tag 'nope'; there are a."},
    )


@pytest.mark.parametrize("query", [b"checks=a", b"exclude=a", b"checks=nope"])
@pytest.mark.parametrize("details", ["status", TOKEN])
def test_who_may_not_see_details_may_not_pick_checks(
    door: MakeDoor, query: bytes, details: str
) -> None:
    made = door(details=details)
    made.application.check(failing, name="a")
    assert report(made, query=query) == (
        403,
        {"error": "Checks can be picked only by who may see their details."},
    )


def test_verbose_adds_the_time_that_each_check_took(door: MakeDoor) -> None:
    made = door()
    made.application.check(lambda: None, name="a")
    assert "timings" not in report(made)[1]
    (timing,) = report(made, query=b"verbose")[1]["timings"].values()
    assert sorted(timing) == ["age_ms", "duration_ms"]
    assert all(isinstance(value, int) for value in timing.values())


def test_groups_answer_at_their_own_paths(door: MakeDoor) -> None:
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
def test_a_group_knows_its_own_checks_alone(door: MakeDoor, query: bytes) -> None:
    made = door(groups={"/__ready__": ["database"]})
    made.application.check(lambda: None, name="database")
    made.application.check(failing, name="third")
    assert report(made, "/__ready__", query)[0] == 400


def test_names_and_ids_are_masked_as_well(door: MakeDoor) -> None:
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


def test_a_group_of_an_unknown_check_fails_and_says_so(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    made = door(groups={"/__ready__": ["databse"]})
    made.application.check(lambda: None, name="database")
    assert report(made, "/__ready__") == (
        500,
        {"error": "The group has a check that is unknown."},
    )
    sentence = (
        "The group /__ready__ cannot be served: There is no check and no tag"
        " 'databse'; there are database."
    )
    assert ("dockerflow.middleware", logging.CRITICAL, sentence) in caplog.record_tuples
    assert made.ask("/__lbheartbeat__").status == 200


FULL = {"status", "checks", "details"}


@pytest.mark.parametrize(
    ("policy", "authorization", "seen"),
    [
        ("full", "", FULL),
        ("status", "", {"status"}),
        ("status", f"Bearer {TOKEN}", {"status"}),
        (TOKEN, "", {"status"}),
        (TOKEN, f"Bearer {TOKEN}", FULL),
        (TOKEN, f"bearer   {TOKEN} ", FULL),
        (TOKEN, f"Basic {TOKEN}", {"status"}),
        (TOKEN, TOKEN, {"status"}),
        (TOKEN, f"Bearer {TOKEN}x", {"status"}),
        (TOKEN, "Bearer caf\xe9", {"status"}),
        (lambda request: request.headers.get("authorization") == "me", "me", FULL),
        (lambda request: request.headers.get("authorization"), "me", {"status"}),
        (lambda request: 1 / 0, "", {"status"}),
        (lambda: True, "", {"status"}),
    ],
)
def test_the_policy_decides_who_sees_details(
    door: MakeDoor, policy: Any, authorization: str, seen: set[str]
) -> None:
    made = door(details=policy)
    made.application.check(failing, name="x")
    headers = {"Authorization": authorization} if authorization else {}
    answer = made.ask("/__heartbeat__", headers=headers, query=b"verbose")
    body = json.loads(answer.body)
    assert body["status"] == "error"
    assert set(body) - {"timings"} == seen
    assert ("timings" in body) is (seen == FULL)


def test_a_policy_is_asked_with_the_request(door: MakeDoor) -> None:
    asked: list[Request] = []

    def policy(request: Request) -> bool:
        asked.append(request)
        return False

    door(details=policy).ask("/__heartbeat__", headers={"X-A": "b"}, query=b"c=d")
    assert (asked[0].method, asked[0].query) == ("GET", "c=d")
    assert asked[0].headers["x-a"] == "b"


def test_results_of_one_answer_do_not_stick_to_the_next(door: MakeDoor) -> None:
    said: list[checks.CheckMessage] = [failing()]
    made = door()
    made.application.check(lambda: said, name="x")
    assert report(made)[0] == 500
    said.clear()
    assert report(made) == (200, {"status": "ok", "checks": {"x": "ok"}, "details": {}})
