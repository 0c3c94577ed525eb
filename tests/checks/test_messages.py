from __future__ import annotations

import pytest

from dockerflow_mw import checks


@pytest.mark.parametrize(
    ("message", "level"),
    [
        (checks.Debug, 10),
        (checks.Info, 20),
        (checks.Warning, 30),
        (checks.Error, 40),
        (checks.Critical, 50),
    ],
)
def test_each_class_has_a_default_level(
    message: type[checks.CheckMessage], level: int
) -> None:
    assert message("m").level == level
    assert message("m", 45).level == 45


def test_a_message_without_a_level_raises_a_type_error() -> None:
    with pytest.raises(TypeError, match="level is None; it must be a number"):
        checks.CheckMessage("m")


@pytest.mark.parametrize(
    ("level", "text"),
    [
        (-1, "ok"),
        (0, "ok"),
        (5, "ok"),
        (10, "debug"),
        (20, "info"),
        (25, "info"),
        (30, "warning"),
        (40, "error"),
        (50, "critical"),
        (99, "critical"),
    ],
)
def test_unknown_levels_fall_back_to_the_next_lower_one(level: int, text: str) -> None:
    assert checks.level_to_text(level) == text


def test_a_message_is_serious_from_error_on() -> None:
    assert checks.Error("m").is_serious()
    assert not checks.Warning("m").is_serious()
    assert checks.Warning("m").is_serious(checks.WARNING)


def test_messages_compare_by_value() -> None:
    one = checks.Error("m", hint="h", obj=[], id="i")
    others: list[checks.CheckMessage] = [checks.Warning("m", hint="h", obj=[], id="i")]
    assert one == checks.Error("m", hint="h", obj=[], id="i")
    assert one not in others
