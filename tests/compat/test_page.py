"""The page about migrating lists the intended differences, and no others."""

from __future__ import annotations

from tests.compat.compare import Difference
from tests.compat.page import COMMAND, PAGE, Row, generated, rows, split


def test_the_page_has_the_intended_differences() -> None:
    _, part, _ = split(PAGE.read_text("utf-8"))
    assert part == generated(), f"{PAGE.name} is out of date. Run: {COMMAND}"


def test_differences_with_one_reason_share_a_row() -> None:
    found = rows(
        [
            Difference("GET /a", "status", "One."),
            Difference("GET /b", "status", "One."),
            Difference("GET /a", "body", "One."),
            Difference("GET /b", "body", "One."),
            Difference("GET /a", "body", "Two."),
            Difference("GET /c", "status", "One."),
        ]
    )
    assert found == [
        Row(("GET /a", "GET /b"), ("body", "status"), "One."),
        Row(("GET /a",), ("body",), "Two."),
        Row(("GET /c",), ("status",), "One."),
    ]
