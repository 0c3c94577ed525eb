"""The summary of a request: the same record behind every door."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from dockerflow_mw import summary
from dockerflow_mw.logging import MozlogFormatter
from tests.doors import Door
from tests.logs import summaries

MakeDoor = Callable[..., Door]


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
    (record,) = summaries(caplog)
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


def test_headers_that_are_missing_are_empty_and_the_id_is_new(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    door().ask()
    (record,) = summaries(caplog)
    assert (record.agent, record.lang) == ("", "")
    assert len(record.rid) == 32


@pytest.mark.parametrize(
    ("path", "code", "errno", "level"),
    [
        ("/__lbheartbeat__", 200, 0, logging.INFO),
        ("/__version__", 404, 0, logging.INFO),
        ("/__heartbeat__", 503, 0, logging.INFO),
    ],
)
def test_a_request_for_an_endpoint_leaves_one_record(
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
    (record,) = summaries(caplog)
    assert (record.code, record.errno, record.levelno) == (code, errno, level)


def test_an_exception_is_logged_as_an_error_and_raised_unchanged(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    error = ValueError("no such page")

    def crash() -> bytes:
        raise error

    with pytest.raises(ValueError, match="no such page") as caught:
        door(crash).ask()
    assert caught.value is error
    (record,) = summaries(caplog)
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
    (record,) = summaries(caplog)
    assert (record.uid, record.errno, record.route) == ("u1", 111, "/b")


@pytest.mark.parametrize(
    "name",
    [
        *("code", "rid", "t", "path", "name", "msg", "args", "getMessage"),
        *("disconnected", "error", "sample_rate", "incomplete", "querystring"),
        *("trace_id", "close_code"),
    ],
)
def test_added_fields_never_overwrite_measured_ones(
    door: MakeDoor, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    def page() -> bytes:
        summary.add_fields(**{name: "mine"})
        return b""

    door(page).ask()
    (record,) = summaries(caplog)
    assert fields(record)[f"fields.{name}"] == "mine"
    assert getattr(record, name, None) != "mine"


def test_adding_fields_outside_of_requests_does_nothing() -> None:
    summary.add_fields(uid="u1")
    assert summary.current() is None


def test_the_query_string_is_logged_if_the_setting_asks_for_it(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    door(summary_log_querystring=True).ask("/", query=b"x=%20y&z=1")
    (record,) = summaries(caplog)
    assert record.querystring == "x= y&z=1"


class _RaisingHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise RuntimeError("the disk is full")


def test_a_handler_that_raises_is_reported_and_breaks_no_request(
    door: MakeDoor,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    # An adapter logs its start-up record at DEBUG.
    caplog.set_level(logging.DEBUG, "dockerflow.middleware")
    root, handler = logging.getLogger(), _RaisingHandler()
    root.addHandler(handler)
    try:
        assert door().ask().body == b"a page"
    finally:
        root.removeHandler(handler)
    stderr = capfd.readouterr().err
    assert "A request summary was lost: RuntimeError('the disk is full')." in stderr
    assert "A record of dockerflow.middleware was lost" in stderr


def test_no_record_is_made_above_the_level_of_a_summary(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "request.summary")
    assert door().ask().status == 200
    assert summaries(caplog) == []


def test_an_exception_text_with_json_adds_no_fields(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    forged = '{"disconnected": true, "user": "root"}'

    def page() -> bytes:
        raise ValueError(forged)

    with contextlib.suppress(ValueError):
        door(page).ask()
    (record,) = summaries(caplog)
    line = json.loads(MozlogFormatter().format(record))
    assert line["Fields"]["msg"] == forged
    assert {"disconnected", "user"}.isdisjoint(line["Fields"])
