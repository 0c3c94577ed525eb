"""Malformed requests get the right response, and never cause an exception."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from tests.doors import Door
from tests.logs import summaries

MakeDoor = Callable[..., Door]


@pytest.mark.parametrize("path", ["/", "/__lbheartbeat__", "/__heartbeat__"])
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"User-Agent": "caf\xe9 \xff"}, id="not UTF-8"),
        pytest.param({"User-Agent": "x" * 1_000_000}, id="1 MB"),
        pytest.param({"X-Request-ID": "x" * 1_000_000}, id="an id of 1 MB"),
        pytest.param({"Content-Length": "-1"}, id="negative Content-Length"),
        pytest.param({"Content-Length": "many"}, id="Content-Length is a word"),
        pytest.param({}, id="no headers"),
    ],
)
def test_malformed_headers_do_not_change_the_response(
    door: MakeDoor,
    caplog: pytest.LogCaptureFixture,
    path: str,
    headers: dict[str, str],
) -> None:
    caplog.set_level(logging.INFO)
    answer = door(log_probes="all").ask(path, headers=headers, valid=False)
    assert answer.status == 200
    assert [r.levelno for r in summaries(caplog)] == [20]


@pytest.mark.parametrize("query", [b"\xff\xfe", b"%ff%zz", b"=&=&", b"a" * 100_000])
def test_a_malformed_query_string_does_not_change_the_response(
    door: MakeDoor, caplog: pytest.LogCaptureFixture, query: bytes
) -> None:
    caplog.set_level(logging.INFO)
    made = door(summary_log_querystring=True, log_probes="all")
    assert made.ask("/", query=query).body == b"a page"
    assert made.ask("/__heartbeat__", query=query).status == 200
    assert len(summaries(caplog)) == 2


@pytest.mark.parametrize(
    "path", [b"/\xff\xfe", b"/\xed\xa0\x80", b"/" + b"a" * 100_000]
)
def test_the_application_serves_malformed_paths(
    door: MakeDoor, caplog: pytest.LogCaptureFixture, path: bytes
) -> None:
    caplog.set_level(logging.INFO)
    assert door().ask(path).body == b"a page"
    (record,) = summaries(caplog)
    assert record.path == path.decode("utf-8", "replace")


@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")  # wsgiref.validate
def test_the_application_serves_unknown_methods(door: MakeDoor) -> None:
    assert door().ask("/", "BREW").body == b"a page"
