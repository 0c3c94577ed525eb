from __future__ import annotations

import dataclasses

import pytest

from dockerflow_mw.checks import CheckMessage, CheckResult, Error, Info, Warning
from dockerflow_mw.checks.results import messages_of

FAILED = "dockerflow.health.E101"


@dataclasses.dataclass
class DjangoMessage:
    """A message with the attributes of a message of django.core.checks."""

    level: int
    msg: object
    hint: str | None = None
    obj: object = None
    id: str | None = None


class Lazy:
    def __str__(self) -> str:
        return "lazy"


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        (None, ()),
        (True, ()),
        ([], ()),
        ((), ()),
        (False, (Error("The check failed.", id=FAILED),)),
        ("no answer", (Error("no answer", id=FAILED),)),
        (Info("i"), (Info("i"),)),
        ([Info("i"), "s"], (Info("i"), Error("s", id=FAILED))),
        ({"s"}, (Error("s", id=FAILED),)),
        ((message for message in [Info("i")]), (Info("i"),)),
        (DjangoMessage(30, "m", id="d.W1"), (CheckMessage("m", 30, id="d.W1"),)),
        ([Error(Lazy())], (CheckMessage("lazy", 40),)),  # type: ignore[arg-type]
    ],
)
def test_allowed_return_values_become_messages(
    value: object, messages: tuple[CheckMessage, ...]
) -> None:
    assert messages_of(value) == messages


@pytest.mark.parametrize("value", [0, 1, b"x", {"a": 1}, [None], [[]], object()])
def test_other_return_values_raise_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match=r"The check returned \w+; it must return"):
        messages_of(value)


def test_all_messages_with_equal_ids_or_without_ids_are_kept() -> None:
    messages = (Error("1", id="a"), Error("2", id="a"), Warning("3"), Warning("4"))
    result = CheckResult("db", messages)
    assert result.texts == {"a": "1", "a (2)": "2", "db": "3", "db (2)": "4"}


def test_a_result_has_the_highest_level_of_its_messages() -> None:
    assert CheckResult("x").level == 0
    assert CheckResult("x", (Info("i"), Error("e"), Warning("w"))).level == 40
