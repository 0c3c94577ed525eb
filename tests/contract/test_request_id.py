"""The id of a request, and its trace, behind every door."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from dockerflow_mw import summary
from dockerflow_mw.request_id import request_id_context, trace_fields
from tests.doors import Door
from tests.logs import summaries

MakeDoor = Callable[..., Door]


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("header", "value", "span"),
    [
        ("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01", "00f067aa0ba902b7"),
        ("X-Cloud-Trace-Context", f"{TRACE}/255;o=1", "00000000000000ff"),
    ],
)
def test_a_trace_is_on_the_records_of_its_request(
    door: MakeDoor, header: str, value: str, span: str
) -> None:
    seen = []

    def page() -> bytes:
        seen.append((request_id_context.get(), trace_fields()))
        return b""

    made = door(page, request_id_header_name=header)
    made.ask(headers={header: value})
    made.ask(headers={"X-Request-ID": "abc"})
    assert seen[0] == (TRACE, {"trace_id": TRACE, "span_id": span})
    assert seen[1][1] == {}
    assert trace_fields() == {}


def test_each_request_has_its_own_id_and_fields(
    door: MakeDoor,
) -> None:
    seen = []

    def page() -> bytes:
        current = summary.current()
        assert current is not None
        seen.append((current.rid, request_id_context.get(), current.fields))
        summary.add_fields(uid="u1")
        return b""

    made = door(page)
    for rid in ("one", "two"):
        made.ask(headers={"X-Request-ID": rid})
    assert seen == [("one", "one", None), ("two", "two", None)]
    assert (summary.current(), request_id_context.get()) == (None, None)


def test_a_check_sees_the_id_of_its_heartbeat(door: MakeDoor) -> None:
    seen = []
    made = door()
    made.application.check(lambda: seen.append(request_id_context.get()), name="x")
    made.ask("/__heartbeat__", headers={"X-Request-ID": "probe-1"})
    made.ask("/__heartbeat__", headers={"X-Request-ID": "probe-2"})
    assert seen == ["probe-1", "probe-2"]


@pytest.mark.parametrize("path", ["/", "/__lbheartbeat__"])
def test_the_id_is_echoed_if_the_setting_asks_for_it(door: MakeDoor, path: str) -> None:
    headers = {"X-My-Id": "abc"}
    made = door(echo_request_id=True, request_id_header_name="X-My-Id")
    assert made.ask(path, headers=headers).headers["x-my-id"] == "abc"
    assert "x-my-id" not in door().ask(path, headers=headers).headers


def test_an_invalid_id_is_replaced_and_never_logged(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    door().ask(headers={"X-Request-ID": "bad id"})
    (record,) = summaries(caplog)
    assert len(record.rid) == 32
    assert "bad id" not in caplog.text
    assert not any("bad id" in str(r.__dict__) for r in caplog.records)
