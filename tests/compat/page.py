"""Writes the intended differences into docs/migrating.md, as two tables.

    python -m tests.compat.page

The tables stand between two comments of the page. A test compares them with
`generated`.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.compat.compare import Difference

PAGE = Path(__file__).parents[2] / "docs" / "migrating.md"
COMMAND = "python -m tests.compat.page"
START = f"<!-- Generated from tests/compat/differences by `{COMMAND}`. -->\n"
END = "<!-- The end of the generated part. -->\n"

FRAMEWORKS = {
    "django": "Django",
    "flask": "Flask",
    "sanic": "Sanic",
    "fastapi": "FastAPI",
}


class Row(NamedTuple):
    """A row of a table, without the frameworks for which it is true."""

    requests: tuple[str, ...]
    fields: tuple[str, ...]
    reason: str

    @property
    def is_response(self) -> bool:
        """Whether the row is about a response, and not about log records alone."""
        response = re.compile(r"\*$|status|header|body")
        return any(response.match(field) for field in self.fields)


def generated() -> str:
    """Return the part of the page between the two comments."""
    frameworks: dict[Row, list[str]] = {}
    for framework, name in FRAMEWORKS.items():
        module = importlib.import_module(f"tests.compat.differences.{framework}")
        for row in rows(module.DIFFERENCES):
            frameworks.setdefault(row, []).append(name)
    reasons = list(dict.fromkeys(row.reason for row in frameworks))
    table = sorted(frameworks.items(), key=lambda item: reasons.index(item[0].reason))
    return (
        "\n### In the log\n\n"
        + "".join(_table(item for item in table if not item[0].is_response))
        + "\n### In responses\n\n"
        + "".join(_table(item for item in table if item[0].is_response))
        + "\n"
    )


def rows(differences: Iterable[Difference]) -> list[Row]:
    """Merge the differences of a framework that have the same reason.

    The fields of a request share a row, and so do the requests with the same fields.
    """
    fields: dict[tuple[str, str], list[str]] = {}
    for request, field, reason in map(_values, differences):
        fields.setdefault((reason, request), []).append(field)
    requests: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (reason, request), found in fields.items():
        requests.setdefault((reason, tuple(sorted(found))), []).append(request)
    return [
        Row(tuple(sorted(found)), names, reason)
        for (reason, names), found in requests.items()
    ]


def _values(difference: Difference) -> tuple[str, str, str]:
    return difference.request, difference.field, difference.reason


def _table(frameworks: Iterable[tuple[Row, list[str]]]) -> Iterator[str]:
    yield "| request | field | what differs, and why | in |\n|---|---|---|---|\n"
    for row, names in frameworks:
        shown = "all" if len(names) == len(FRAMEWORKS) else ", ".join(names)
        requests = "all" if row.requests == ("*",) else _code(row.requests)
        fields = "all" if row.fields == ("*",) else _code(row.fields)
        yield f"| {requests} | {fields} | {row.reason} | {shown} |\n"


def _code(patterns: Iterable[str]) -> str:
    return ", ".join(f"`{pattern}`" for pattern in patterns)


def split(page: str) -> tuple[str, str, str]:
    """Return the text before the generated part, this part, and the text after it.

    Raises:
        ValueError: the page lacks one of the two comments.
    """
    before, start, rest = page.partition(START)
    part, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"{PAGE.name} lacks the comment {END if start else START!r}.")
    return before + START, part, END + after


def main() -> None:
    """Write the generated part into the page."""
    before, _, after = split(PAGE.read_text("utf-8"))
    PAGE.write_text(before + generated() + after, "utf-8")


if __name__ == "__main__":
    main()
