"""The settings that select the summaries and their levels, behind every door."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.doors import Door
from tests.logs import summaries

MakeDoor = Callable[..., Door]

# A sample that keeps one in a billion requests.
RARELY = 1e-9


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


@pytest.mark.parametrize(
    ("log_probes", "codes"),
    [("all", [200, 404, 500, 200]), ("failures", [404, 500, 200]), ("none", [200])],
)
def test_log_probes_selects_the_requests_for_endpoints_that_are_logged(
    door: MakeDoor,
    caplog: pytest.LogCaptureFixture,
    log_probes: str,
    codes: list[int],
) -> None:
    made = door(log_probes=log_probes)
    made.application.check(lambda: False, name="broken")
    for path in ("/__lbheartbeat__", "/__version__", "/__heartbeat__", "/"):
        made.ask(path)
    assert [record.code for record in summaries(caplog)] == codes


def test_excluded_paths_are_logged_only_if_they_fail(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    made = door(exclude_paths=["/metrics", "/static/*"])
    for path in ("/metrics", "/metrics/", "/static/a.css", "/staticx", "/static/"):
        made.ask(path)
    assert [r.path for r in summaries(caplog)] == ["/metrics/", "/staticx"]

    def crash() -> bytes:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        door(crash, exclude_paths="/metrics").ask("/metrics")
    assert summaries(caplog)[-1].code == 500


def test_a_sample_is_logged_with_its_rate(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    made = door(sample=0.2)
    for _ in range(300):
        made.ask()
    # The expected number is 60. The bounds are more than five standard deviations away.
    assert 20 < len(summaries(caplog)) < 120
    assert {r.sample_rate for r in summaries(caplog)} == {0.2}


@pytest.mark.parametrize(
    "options", [{"slow_seconds": 0}, {"summary_levels": "2xx=warning"}]
)
def test_sampling_keeps_slow_requests_and_warnings(
    door: MakeDoor, caplog: pytest.LogCaptureFixture, options: dict[str, Any]
) -> None:
    door(sample=RARELY, **options).ask()
    (record,) = summaries(caplog)
    assert not hasattr(record, "sample_rate")


def test_sampling_keeps_failures(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    def crash() -> bytes:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        door(crash, sample=RARELY).ask()
    assert len(summaries(caplog)) == 1


def test_a_random_seed_of_the_application_does_not_change_the_sample(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    def page() -> bytes:
        random.seed(7)
        return b""

    made = door(page, sample=0.5)
    for _ in range(100):
        made.ask()
    assert 0 < len(summaries(caplog)) < 100


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
def test_summary_levels_sets_the_level_by_status(
    door: MakeDoor, caplog: pytest.LogCaptureFixture, levels: Any, level: int
) -> None:
    caplog.set_level(logging.DEBUG)
    door(summary_levels=levels or None).ask("/__version__")
    assert [r.levelno for r in summaries(caplog)] == [level]
