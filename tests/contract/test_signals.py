"""The signals that every door's heartbeat sends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dockerflow_mw import checks
from dockerflow_mw.signals import heartbeat_failed, heartbeat_passed
from tests.doors import Door

Sent = list[tuple[str, object, int]]


@pytest.fixture
def sent() -> Iterator[Sent]:
    received: Sent = []

    def passed(sender: object, level: int, **extra: Any) -> None:
        received.append(("passed", sender, level))

    def failed(sender: object, level: int, **extra: Any) -> None:
        received.append(("failed", sender, level))

    with (
        heartbeat_passed.connected_to(passed),
        heartbeat_failed.connected_to(failed),
    ):
        yield received


@pytest.mark.parametrize(
    ("message", "name", "level"),
    [
        (None, "passed", 0),
        (checks.Warning("w"), "passed", checks.WARNING),
        (checks.Error("e"), "failed", checks.ERROR),
        (checks.Critical("c"), "failed", checks.CRITICAL),
    ],
)
def test_a_heartbeat_sends_a_signal_with_its_level(
    door: Callable[..., Door], sent: Sent, message: object, name: str, level: int
) -> None:
    made = door()
    made.application.check(lambda: message, name="x")
    made.ask("/__heartbeat__")
    assert sent == [(name, made.application, level)]


def test_a_receiver_that_raises_is_logged_and_changes_nothing(
    door: Callable[..., Door], sent: Sent, caplog: pytest.LogCaptureFixture
) -> None:
    def raises(sender: object, **extra: Any) -> None:
        raise RuntimeError("statsd is down")

    made = door()
    with heartbeat_passed.connected_to(raises):
        assert made.ask("/__heartbeat__").status == 200
    assert sent == [("passed", made.application, 0)]
    records = [r for r in caplog.records if r.name == "dockerflow.signals"]
    assert [r.levelno for r in records] == [logging.ERROR]
