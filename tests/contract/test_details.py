"""The requests that may see the details of a heartbeat, and select checks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from dockerflow_mw import checks
from dockerflow_mw.endpoints.http import Request
from tests.doors import Door

MakeDoor = Callable[..., Door]

TOKEN = "a-token-of-some-length"


def report(made: Door, query: bytes = b"") -> Any:
    """Return the status and the JSON body of a heartbeat."""
    answer = made.ask("/__heartbeat__", query=query)
    return answer.status, json.loads(answer.body)


def failing() -> checks.CheckMessage:
    return checks.Error("down", id="E1")


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
def test_the_query_selects_checks_by_name_and_tag(
    door: MakeDoor, query: bytes, ran: list[str]
) -> None:
    made = door()
    for name, tags in (("a", []), ("b", ["deep"]), ("c", ["deep"])):
        made.application.check(lambda: None, name=name, tags=tags)
    status, body = report(made, query=query)
    assert (status, list(body["checks"])) == (200, ran)


@pytest.mark.parametrize("query", [b"checks=a,nope", b"exclude=nope"])
def test_selecting_an_unknown_check_is_400(door: MakeDoor, query: bytes) -> None:
    made = door()
    made.application.check(lambda: None, name="a")
    assert report(made, query=query) == (
        400,
        {"error": "There is no check and no tag 'nope'; there are a."},
    )


@pytest.mark.parametrize("query", [b"checks=a", b"exclude=a", b"checks=nope"])
@pytest.mark.parametrize("details", ["status", TOKEN])
def test_selecting_checks_without_access_to_the_details_is_403(
    door: MakeDoor, query: bytes, details: str
) -> None:
    made = door(details=details)
    made.application.check(failing, name="a")
    assert report(made, query=query) == (
        403,
        {"error": "Only requests that may see the details may select checks."},
    )


def test_verbose_adds_the_duration_and_the_age_of_each_result(door: MakeDoor) -> None:
    made = door()
    made.application.check(lambda: None, name="a")
    assert "timings" not in report(made)[1]
    (timing,) = report(made, query=b"verbose")[1]["timings"].values()
    assert sorted(timing) == ["age_ms", "duration_ms"]
    assert all(isinstance(value, int) for value in timing.values())


FULL = {"status", "checks", "details"}
STATUS = {"status"}


@pytest.mark.parametrize(
    ("policy", "authorization", "expected"),
    [
        pytest.param("full", "", FULL, id="full"),
        pytest.param("status", "", STATUS, id="status"),
        pytest.param("status", f"Bearer {TOKEN}", STATUS, id="status, a token"),
        pytest.param(TOKEN, "", STATUS, id="no header"),
        pytest.param(TOKEN, f"Bearer {TOKEN}", FULL, id="the token"),
        pytest.param(TOKEN, f"bearer   {TOKEN} ", FULL, id="lower case and spaces"),
        pytest.param(TOKEN, f"Basic {TOKEN}", STATUS, id="another scheme"),
        pytest.param(TOKEN, TOKEN, STATUS, id="no scheme"),
        pytest.param(TOKEN, f"Bearer {TOKEN}x", STATUS, id="another token"),
        pytest.param(TOKEN, "Bearer caf\xe9", STATUS, id="not ASCII"),
        pytest.param(
            lambda request: request.headers.get("authorization") == "me",
            "me",
            FULL,
            id="a callable that returns True",
        ),
        pytest.param(
            lambda request: request.headers.get("authorization"),
            "me",
            STATUS,
            id="a callable that returns text",
        ),
        pytest.param(lambda request: 1 / 0, "", STATUS, id="a callable that raises"),
        pytest.param(lambda: True, "", STATUS, id="a callable without arguments"),
    ],
)
def test_the_setting_decides_which_requests_see_details(
    door: MakeDoor, policy: Any, authorization: str, expected: set[str]
) -> None:
    made = door(details=policy)
    made.application.check(failing, name="x")
    headers = {"Authorization": authorization} if authorization else {}
    answer = made.ask("/__heartbeat__", headers=headers, query=b"verbose")
    body = json.loads(answer.body)
    assert body["status"] == "error"
    assert set(body) - {"timings"} == expected
    assert ("timings" in body) is (expected == FULL)


def test_a_callable_policy_gets_the_request(door: MakeDoor) -> None:
    received: list[Request] = []

    def policy(request: Request) -> bool:
        received.append(request)
        return False

    door(details=policy).ask("/__heartbeat__", headers={"X-A": "b"}, query=b"c=d")
    assert (received[0].method, received[0].query) == ("GET", "c=d")
    assert received[0].headers["x-a"] == "b"


def test_a_password_at_the_cut_of_a_long_message_is_masked(door: MakeDoor) -> None:
    made = door(details="full")
    text = "x" * 4070 + " postgres://user:hunter2hunter2@database/name"

    @made.application.check(name="long")
    def long() -> checks.CheckMessage:
        return checks.Error(text, id="E1")

    _, body = report(made)
    shown = body["details"]["long"]["messages"]["E1"]
    assert len(shown) <= 4096
    assert "hunter2" not in shown
