"""The summaries behind every door."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.doors import Door
from tests.logs import summaries

MakeDoor = Callable[..., Door]


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("q=café&r=日本".encode(), "q=café&r=日本"),
        (b"q=caf%C3%A9", "q=café"),
    ],
    ids=["bytes of UTF-8", "percent-encoded"],
)
def test_c05_a_query_string_in_utf_8_is_logged_as_text(
    door: MakeDoor, caplog: pytest.LogCaptureFixture, query: bytes, text: str
) -> None:
    door(summary_log_querystring=True).ask(query=query)
    assert [record.querystring for record in summaries(caplog)] == [text]


@pytest.mark.parametrize(
    "options",
    [{"log_probes": "all"}, {"log_probes": "failures"}, {"sample": 1e-9}],
    ids=str,
)
@pytest.mark.parametrize("path", ["/__heartbeat__", "/__ready__"])
def test_c15_the_summary_of_a_failed_heartbeat_is_no_error(
    door: MakeDoor,
    caplog: pytest.LogCaptureFixture,
    path: str,
    options: dict[str, Any],
) -> None:
    groups = {"/__ready__": ["broken"]}
    made = door(heartbeat_failed_status_code=503, groups=groups, **options)
    made.application.check(lambda: False, name="broken")
    assert made.ask(path).status == 503
    (record,) = summaries(caplog)
    assert (record.code, record.errno, record.levelno) == (503, 0, logging.INFO)
    assert not hasattr(record, "sample_rate")


def test_c15_the_summary_of_the_test_exception_is_an_error(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    made = door(error_endpoint=True)
    # In some frameworks the server receives the exception.
    with contextlib.suppress(Exception):
        made.ask("/__error__")
    (record,) = summaries(caplog)
    assert (record.code, record.errno, record.levelno) == (500, 500, logging.ERROR)
