"""Requests that no client should send: the right answer, and never an exception."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from tests.doors import Door

MakeDoor = Callable[..., Door]


@pytest.mark.parametrize("path", ["/", "/__lbheartbeat__", "/__heartbeat__"])
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"User-Agent": "caf\xe9 \xff"}, id="not UTF-8"),
        pytest.param({"User-Agent": "x" * 1_000_000}, id="1 MB"),
        pytest.param({"X-Request-ID": "x" * 1_000_000}, id="1 MB of id"),
        pytest.param({"Content-Length": "-1"}, id="negative Content-Length"),
        pytest.param({"Content-Length": "many"}, id="no number as Content-Length"),
        pytest.param({}, id="no headers"),
    ],
)
def test_bad_headers(
    door: MakeDoor,
    caplog: pytest.LogCaptureFixture,
    path: str,
    headers: dict[str, str],
) -> None:
    caplog.set_level(logging.INFO)
    answer = door(log_probes="all").ask(path, headers=headers, valid=False)
    assert answer.status == 200
    assert [r.levelno for r in caplog.records if r.name == "request.summary"] == [20]


@pytest.mark.parametrize("query", [b"\xff\xfe", b"%ff%zz", b"=&=&", b"a" * 100_000])
def test_bad_query_strings(
    door: MakeDoor, caplog: pytest.LogCaptureFixture, query: bytes
) -> None:
    caplog.set_level(logging.INFO)
    made = door(summary_log_querystring=True, log_probes="all")
    assert made.ask("/", query=query).body == b"a page"
    assert made.ask("/__heartbeat__", query=query).status == 200
    assert len([r for r in caplog.records if r.name == "request.summary"]) == 2


@pytest.mark.parametrize(
    "path", [b"/\xff\xfe", b"/\xed\xa0\x80", b"/" + b"a" * 100_000]
)
def test_bad_paths_are_the_application_s(
    door: MakeDoor, caplog: pytest.LogCaptureFixture, path: bytes
) -> None:
    caplog.set_level(logging.INFO)
    assert door().ask(path).body == b"a page"
    (record,) = (r for r in caplog.records if r.name == "request.summary")
    assert record.path == path.decode("utf-8", "replace")  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")  # the validator's
def test_an_unknown_method_is_the_application_s(door: MakeDoor) -> None:
    assert door().ask("/", "BREW").body == b"a page"
