"""Defects of python-dockerflow's logging that this package does not have.

Each name starts with the defect's number in the list of findings.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from dockerflow_mw import DockerflowMiddleware
from dockerflow_mw.logging import (
    MozlogFormatter,
    MozlogHandler,
    configure_logging,
    request_id_context,
    wrap,
)
from tests.doors import BareASGI, BareWSGI

START = {"type": "http.response.start", "status": 200, "headers": []}


def fields(message: Any = "", **extra: Any) -> dict[str, Any]:
    """Return the fields of a record's line."""
    record = logging.LogRecord("n", logging.INFO, "f.py", 1, message, (), None)
    record.__dict__.update(extra)
    line = json.loads(MozlogFormatter().format(record), parse_constant=pytest.fail)
    found: dict[str, Any] = line.get("Fields", {})
    return found


def summaries(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [r for r in caplog.records if r.name == "request.summary"]


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def serve(app: Any) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    application: Any = DockerflowMiddleware(app)
    asyncio.run(application(scope, None, send))
    return sent


def test_a1_a_scope_without_an_app_is_served() -> None:
    assert BareASGI().ask().status == 200


def test_a2_an_exception_before_the_response_is_raised_unchanged() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("the cause")

    with pytest.raises(ValueError, match="the cause"):
        serve(app)


def test_a3_a_sent_message_stays_unchanged() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the exception has no text
        serve(app)
    assert START == {"type": "http.response.start", "status": 200, "headers": []}


def test_a4_a_handler_that_raises_costs_no_request() -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError

    logger, handler = logging.getLogger("request.summary"), Broken()
    logger.addHandler(handler)
    try:
        assert BareWSGI().ask().status == BareASGI().ask().status == 200
    finally:
        logger.removeHandler(handler)


def test_a5_missing_headers_leave_no_null(
    caplog: pytest.LogCaptureFixture,
) -> None:
    BareASGI().ask()
    (record,) = summaries(caplog)
    assert (
        None not in fields(**{k: vars(record)[k] for k in ("lang", "agent")}).values()
    )


def test_a6_a_second_middleware_adds_no_handler_and_no_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = list(logging.getLogger("request.summary").handlers)
    BareWSGI()
    BareWSGI().ask()
    assert logging.getLogger("request.summary").handlers == before
    assert len(summaries(caplog)) == 1
    root = logging.getLogger()
    kept = (root.level, list(root.handlers))
    try:
        configure_logging()
        configure_logging()
        assert sum(isinstance(h, MozlogHandler) for h in root.handlers) == 1
    finally:
        root.setLevel(kept[0])
        root.handlers = kept[1]


def test_c4_an_exception_after_the_headers_is_logged_with_the_sent_code(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        serve(app)
    assert [(r.code, r.levelno) for r in summaries(caplog)] == [(200, logging.ERROR)]


def test_c6_an_id_with_unsafe_characters_is_replaced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    BareWSGI().ask(headers={"X-Request-ID": 'x","admin":"'})
    (record,) = summaries(caplog)
    assert set(record.rid) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        pytest.param("x", float("nan"), "nan", id="d1"),
        pytest.param("x", {(1, 2): 3}, {"(1, 2)": 3}, id="d2"),
        pytest.param("x", object, "<class 'object'>", id="d3"),
        pytest.param("x", 10**5000, hex(10**5000), id="d4"),
        pytest.param("x", "\ud800", "\\ud800", id="d5"),
    ],
)
def test_d1_to_d5_no_value_breaks_a_line(name: str, value: Any, written: Any) -> None:
    assert fields(**{name: value}) == {name: written}


def test_d6_the_items_of_a_dictionary_message_become_fields() -> None:
    assert fields({"a": 1}) == {"a": 1}
    assert fields('{"a": {"b": 1}}') == {"a": {"b": 1}}


def test_d7_a_message_in_braces_that_is_not_json_is_kept() -> None:
    assert fields("{template} and {}") == {"msg": "{template} and {}"}


def test_d8_an_unknown_level_has_the_severity_of_the_next_lower_one() -> None:
    record = logging.LogRecord("n", 25, "f.py", 1, "m", (), None)
    assert json.loads(MozlogFormatter().format(record))["Severity"] == 6


def test_d9_the_stack_is_logged_and_the_record_stays_unchanged() -> None:
    record = logging.LogRecord("n", 20, "f.py", 1, {"a": 1}, (), None, sinfo="stack")
    before = dict(vars(record))
    line = json.loads(MozlogFormatter().format(record))
    assert line["Fields"] == {"a": 1, "stack": "stack"}
    assert vars(record) == before


def test_e2_no_id_is_left_after_a_request() -> None:
    for door in (BareWSGI(), BareASGI()):
        door.ask(headers={"X-Request-ID": "left-over"})
        assert request_id_context.get() is None


def test_f_wrap_carries_the_id() -> None:
    request_id_context.set("carried")
    try:
        carried = wrap(request_id_context.get)
    finally:
        request_id_context.set(None)
    assert carried() == "carried"


def test_t6_a_line_has_no_newline_at_any_size() -> None:
    # test_handler.py has eight processes write to one pipe.
    record = logging.LogRecord("n", 20, "f.py", 1, "x\n" * 50_000, (), None)
    for max_bytes in (0, 8192):
        line = MozlogFormatter(max_bytes=max_bytes).format(record)
        assert "\n" not in line
        assert max_bytes == 0 or len(line.encode()) < max_bytes
