"""One function that is registered twice, with other arguments."""

from __future__ import annotations

import importlib
import logging
from typing import Any

from tests.compat.rows.isolated import OURS, isolated


class Client:
    """A client, which compares by identity as that of redis-py."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<Client {self.name}>"


def ping(target: object) -> list[Any]:
    """Return the messages of a check: none."""
    return []


def _registered(package: str, *targets: object) -> list[Any]:
    """Register a check for each target, and return the errors and records."""
    checks = importlib.import_module(f"{package}.checks")
    seen: list[Any] = []
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(  # type: ignore[method-assign]
        [record.levelname, record.getMessage()]
    )
    logging.getLogger("dockerflow").addHandler(handler)
    logging.getLogger("dockerflow").setLevel(logging.INFO)
    for target in targets:
        try:
            checks.register_partial(ping, target)
        except checks.DuplicateCheckError as error:
            seen.append(["refused", str(error)])
    return [*seen, checks.get_checks()["ping"].args == targets[-1:]]


def values(package: str) -> list[Any]:
    """Register a check for two values that differ."""
    return _registered(package, "cache", "queue")


def equal_values(package: str) -> list[Any]:
    """Register a check for two values that are equal."""
    return _registered(package, ("cache", 1), ("cache", 1))


def clients(package: str) -> list[Any]:
    """Register a check for two clients."""
    return _registered(package, Client("one"), Client("two"))


def one_client(package: str) -> list[Any]:
    """Register a check for one client twice."""
    client = Client("one")
    return _registered(package, client, client)


def test_c21_values_that_differ_are_refused() -> None:
    (outcome, text), replaced = isolated(values, OURS)
    assert (outcome, replaced) == ("refused", False)
    assert f"{__name__}.ping('cache')" in text
    assert f"give {__name__}.ping('queue')" in text


def test_c21_another_object_replaces_the_first_with_a_warning() -> None:
    (level, text), replaced = isolated(clients, OURS)
    assert (level, replaced) == ("WARNING", True)
    assert text.startswith("Check ping is registered again: ")
    assert "ping(<Client two>)" in text
    assert "replaces tests.compat.rows.test_partials.ping(<Client one>)" in text


def test_c21_the_same_arguments_replace_the_first_in_silence() -> None:
    assert isolated(equal_values, OURS) == [True]
    assert isolated(one_client, OURS) == [True]
