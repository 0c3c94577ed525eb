"""What every door says of a request in its request.summary record."""

from __future__ import annotations

import contextlib
import json
import logging
import random
from collections.abc import Callable
from typing import Any

import pytest

from dockerflow_mw import summary
from dockerflow_mw.logging import JsonLogFormatter
from dockerflow_mw.request_id import request_id_context, trace_fields
from tests.doors import Door

MakeDoor = Callable[..., Door]


def records(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [r for r in caplog.records if r.name == "request.summary"]


def fields(record: logging.LogRecord) -> dict[str, Any]:
    blank = logging.makeLogRecord({}).__dict__
    return {k: v for k, v in record.__dict__.items() if k not in {*blank, "message"}}


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_a_request_leaves_one_record(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {
        "User-Agent": "probe/1.0",
        "Accept-Language": "de, en;q=0.5",
        "X-Request-ID": "abc-123",
    }
    door().ask("/café", headers=headers, query=b"secret=1")
    (record,) = records(caplog)
    assert (record.levelno, record.getMessage()) == (logging.INFO, "")
    assert isinstance(record.t, int)
    assert fields(record) == {
        "agent": "probe/1.0",
        "path": "/café",
        "method": "GET",
        "code": 200,
        "errno": 0,
        "lang": "de, en;q=0.5",
        "uid": "",
        "rid": "abc-123",
        "t": record.t,
    }


def test_what_the_client_did_not_send_is_empty(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    door().ask()
    (record,) = records(caplog)
    assert (record.agent, record.lang) == ("", "")
    assert len(record.rid) == 32


@pytest.mark.parametrize(
    ("path", "code", "errno", "level"),
    [
        ("/__lbheartbeat__", 200, 0, logging.INFO),
        ("/__version__", 404, 0, logging.INFO),
        ("/__heartbeat__", 503, 503, logging.ERROR),
    ],
)
def test_our_own_paths_leave_one_too(
    door: MakeDoor,
    caplog: pytest.LogCaptureFixture,
    path: str,
    code: int,
    errno: int,
    level: int,
) -> None:
    made = door(heartbeat_failed_status_code=503, log_probes="all")
    made.application.check(lambda: False, name="broken")
    made.ask(path)
    (record,) = records(caplog)
    assert (record.code, record.errno, record.levelno) == (code, errno, level)


@pytest.mark.parametrize(
    ("log_probes", "codes"),
    [("all", [200, 404, 500, 200]), ("failures", [404, 500, 200]), ("none", [200])],
)
def test_which_probes_are_logged_can_be_chosen(
    door: MakeDoor,
    caplog: pytest.LogCaptureFixture,
    log_probes: str,
    codes: list[int],
) -> None:
    made = door(log_probes=log_probes)
    made.application.check(lambda: False, name="broken")
    for path in ("/__lbheartbeat__", "/__version__", "/__heartbeat__", "/"):
        made.ask(path)
    assert [record.code for record in records(caplog)] == codes


def test_paths_can_be_left_out_unless_they_fail(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    made = door(exclude_paths=["/metrics", "/static/*"])
    for path in ("/metrics", "/metrics/", "/static/a.css", "/staticx", "/static/"):
        made.ask(path)
    assert [r.path for r in records(caplog)] == ["/metrics/", "/staticx"]

    def crash() -> bytes:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        door(crash, exclude_paths="/metrics").ask("/metrics")
    assert records(caplog)[-1].code == 500


def test_a_sample_is_logged_with_its_rate(
    door: MakeDoor,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = iter([0.05, 0.5, 0.0999])
    monkeypatch.setattr("dockerflow_mw.summary.policy._chance", lambda: next(drawn))
    made = door(sample=0.1)
    for _ in range(3):
        made.ask()
    assert [r.sample_rate for r in records(caplog)] == [0.1, 0.1]


@pytest.mark.parametrize(
    "options", [{"slow_seconds": 0}, {"summary_levels": "2xx=warning"}]
)
def test_a_sample_leaves_out_no_slow_request_and_no_warning(
    door: MakeDoor,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
) -> None:
    monkeypatch.setattr("dockerflow_mw.summary.policy._chance", lambda: 1.0)
    door(sample=0.1, **options).ask()
    (record,) = records(caplog)
    assert not hasattr(record, "sample_rate")


def test_a_sample_leaves_out_no_failure(
    door: MakeDoor,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dockerflow_mw.summary.policy._chance", lambda: 1.0)

    def crash() -> bytes:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        door(crash, sample=0.1).ask()
    assert len(records(caplog)) == 1


@pytest.mark.parametrize(
    ("levels", "level"),
    [
        ("", logging.INFO),
        ("4xx=warning", logging.WARNING),
        ("404=error,4xx=debug", logging.ERROR),
        ({404: logging.DEBUG, "4xx": "ERROR"}, logging.DEBUG),
        ({"5xx": "CRITICAL"}, logging.INFO),
    ],
)
def test_levels_can_be_chosen_by_status(
    door: MakeDoor, caplog: pytest.LogCaptureFixture, levels: Any, level: int
) -> None:
    caplog.set_level(logging.DEBUG)
    door(summary_levels=levels or None).ask("/__version__")
    assert [r.levelno for r in records(caplog)] == [level]


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


def test_an_exception_is_an_error_and_passes_unchanged(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    error = ValueError("no such page")

    def crash() -> bytes:
        raise error

    with pytest.raises(ValueError, match="no such page") as caught:
        door(crash).ask()
    assert caught.value is error
    (record,) = records(caplog)
    assert (record.code, record.errno, record.levelno) == (500, 500, logging.ERROR)
    assert record.getMessage() == "no such page"
    assert record.error == "ValueError('no such page')"


def test_the_application_adds_fields(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    def page() -> bytes:
        summary.add_fields(uid="u1", errno=111, route="/a")
        summary.add_fields(route="/b")
        return b""

    door(page).ask()
    (record,) = records(caplog)
    assert (record.uid, record.errno, record.route) == ("u1", 111, "/b")


@pytest.mark.parametrize(
    "name",
    [
        *("code", "rid", "t", "path", "name", "msg", "args", "getMessage"),
        *("disconnected", "error", "sample_rate", "incomplete", "querystring"),
        *("trace_id", "close_code"),
    ],
)
def test_added_fields_never_overwrite_what_was_measured(
    door: MakeDoor, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    def page() -> bytes:
        summary.add_fields(**{name: "mine"})
        return b""

    door(page).ask()
    (record,) = records(caplog)
    assert fields(record)[f"fields.{name}"] == "mine"
    assert getattr(record, name, None) != "mine"


def test_adding_fields_outside_of_requests_does_nothing() -> None:
    summary.add_fields(uid="u1")
    assert summary.current() is None


def test_the_query_string_is_there_where_it_was_asked_for(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    door(summary_log_querystring=True).ask("/", query=b"x=%20y&z=1")
    (record,) = records(caplog)
    assert record.querystring == "x= y&z=1"


def test_an_application_sees_its_request_and_the_next_one_nothing_of_it(
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


def test_probes_have_an_id_of_their_own(door: MakeDoor) -> None:
    seen = []
    made = door()
    made.application.check(lambda: seen.append(request_id_context.get()), name="x")
    made.ask("/__heartbeat__", headers={"X-Request-ID": "probe-1"})
    made.ask("/__heartbeat__", headers={"X-Request-ID": "probe-2"})
    assert seen == ["probe-1", "probe-2"]


@pytest.mark.parametrize("path", ["/", "/__lbheartbeat__"])
def test_the_id_is_echoed_where_it_was_asked_for(door: MakeDoor, path: str) -> None:
    headers = {"X-My-Id": "abc"}
    made = door(echo_request_id=True, request_id_header_name="X-My-Id")
    assert made.ask(path, headers=headers).headers["x-my-id"] == "abc"
    assert "x-my-id" not in door().ask(path, headers=headers).headers


def test_a_refused_id_is_replaced_and_never_logged(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    door().ask(headers={"X-Request-ID": "bad id"})
    (record,) = records(caplog)
    assert len(record.rid) == 32
    assert "bad id" not in caplog.text
    assert not any("bad id" in str(r.__dict__) for r in caplog.records)


class _Broken(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise RuntimeError("the disk is full")


def test_logging_can_fail_without_the_request_noticing(
    door: MakeDoor, capfd: pytest.CaptureFixture[str]
) -> None:
    root, handler = logging.getLogger(), _Broken()
    root.addHandler(handler)
    try:
        assert door().ask().body == b"a page"
    finally:
        root.removeHandler(handler)
    said = capfd.readouterr().err
    assert "A request summary was lost: RuntimeError('the disk is full')." in said
    assert "A record of dockerflow.middleware was lost" in said


def test_without_a_listener_no_record_is_made(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "request.summary")
    assert door().ask().status == 200
    assert records(caplog) == []


def test_the_text_of_an_exception_is_no_object_of_fields(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    forged = '{"disconnected": true, "user": "root"}'

    def page() -> bytes:
        raise ValueError(forged)

    with contextlib.suppress(ValueError):
        door(page).ask()
    (record,) = records(caplog)
    line = json.loads(JsonLogFormatter().format(record))
    assert line["Fields"]["msg"] == forged
    assert {"disconnected", "user"}.isdisjoint(line["Fields"])


def test_a_seed_of_the_application_s_does_not_choose_the_sample(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    def page() -> bytes:
        random.seed(7)
        return b""

    made = door(page, sample=0.5)
    for _ in range(100):
        made.ask()
    assert 0 < len(records(caplog)) < 100
