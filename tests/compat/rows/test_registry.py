"""The functions of the default registry."""

from __future__ import annotations

import importlib

import pytest

from tests.compat.rows.isolated import BOTH, isolated


def registered_names(package: str) -> list[list[str]]:
    """Return the names of the checks, before and after they are cleared."""
    checks = importlib.import_module(f"{package}.checks")

    @checks.register
    def one() -> list[object]:
        return []

    @checks.register(name="two")
    def other() -> list[object]:
        return []

    before = list(checks.get_checks())
    checks.clear_checks()
    return [before, list(checks.get_checks())]


@pytest.mark.parametrize("package", BOTH)
def test_checks_are_listed_by_name_until_they_are_cleared(package: str) -> None:
    assert isolated(registered_names, package) == [["one", "two"], []]
