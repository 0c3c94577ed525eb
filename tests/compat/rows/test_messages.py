"""Messages of checks: their attributes, texts, levels and equality."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from tests.compat.rows.isolated import BOTH, OURS, isolated


def texts(package: str) -> list[str]:
    """Return the texts and representations of messages."""
    checks = importlib.import_module(f"{package}.checks")
    messages = [
        checks.Error("broken"),
        checks.Warning("slow", hint="Wait.", id="x.W1"),
        checks.Info("told", obj="the queue", id="x.I1"),
        checks.CheckMessage("own level", 35),
    ]
    return [text for message in messages for text in (str(message), repr(message))]


@pytest.mark.parametrize("package", BOTH)
def test_c11_texts_of_messages(package: str) -> None:
    assert isolated(texts, package) == [
        "?: broken",
        "<Error: level=40, msg='broken', hint=None, obj=None, id=None>",
        "?: (x.W1) slow\n\tHINT: Wait.",
        "<Warning: level=30, msg='slow', hint='Wait.', obj=None, id='x.W1'>",
        "the queue: (x.I1) told",
        "<Info: level=20, msg='told', hint=None, obj='the queue', id='x.I1'>",
        "?: own level",
        "<CheckMessage: level=35, msg='own level', hint=None, obj=None, id=None>",
    ]


def levels(package: str) -> list[int]:
    """Return the levels of messages, of which some are set by a class or later."""
    checks = importlib.import_module(f"{package}.checks")
    own = type("Notice", (checks.CheckMessage,), {"level": 35})
    raised = checks.Info("x")
    raised.level = 50
    raised.extra = 1
    messages = [own("x"), own("x", "45"), checks.Error("x", level=0), raised]
    return [message.level for message in messages]


@pytest.mark.parametrize("package", BOTH)
def test_c11_levels_of_messages(package: str) -> None:
    assert isolated(levels, package) == [35, 45, 40, 50]


def heartbeat_of_changed_messages(package: str) -> list[Any]:
    """Return the level and the ids of messages that changed after they were made."""
    checks = importlib.import_module(f"{package}.checks")
    own = type("Notice", (checks.CheckMessage,), {"level": 35})

    def check() -> list[Any]:
        raised = checks.Info("x")
        raised.level, raised.id = 50, "x.C1"
        return [own("y", id="x.N1"), raised]

    results = checks.run_checks([("one", check)])
    return [results.level, results.details["one"]["messages"]]


@pytest.mark.parametrize("package", BOTH)
def test_c11_changed_messages_count(package: str) -> None:
    expected = [50, {"x.N1": "y", "x.C1": "x"}]
    assert isolated(heartbeat_of_changed_messages, package) == expected


def equality(package: str) -> list[bool]:
    """Return which messages equal an error, and whether it is hashable."""
    checks = importlib.import_module(f"{package}.checks")
    error = checks.Error("x", id="i")
    others = [
        checks.Error("x", id="i"),
        checks.Error("x"),
        checks.Error("x", 50, id="i"),
        checks.CheckMessage("x", 40, id="i"),
        "x",
    ]
    return [error == other for other in others] + [checks.Error.__hash__ is not None]


@pytest.mark.parametrize("package", BOTH)
def test_c11_equality_of_messages(package: str) -> None:
    assert isolated(equality, package) == [True, False, False, False, False, False]


def names(package: str) -> list[str]:
    """Return the names of python-dockerflow's modules that a package has."""
    found = []
    for module, wanted in {
        "checks": "STATUSES level_to_text CheckMessage Error get_checks run_checks",
        "checks.messages": "DEBUG STATUSES CheckMessage Critical level_to_text",
        "checks.registry": "run_checks run_checks_async ChecksResults get_checks",
        "flask.checks": "STATUSES Error check_database_connected health messages",
        "flask.checks.messages": "DEBUG STATUSES CheckMessage Critical level_to_text",
        "sanic.checks": "STATUSES Error check_redis_connected health level_to_text",
    }.items():
        imported = importlib.import_module(f"{package}.{module}")
        if module == "flask.checks":
            importlib.import_module(f"{package}.flask.checks.messages")
        found += [n for n in wanted.split() if not hasattr(imported, n)]
    return found


@pytest.mark.parametrize("package", BOTH)
def test_c11_names_of_the_modules(package: str) -> None:
    assert isolated(names, package) == []


def log_texts(package: str) -> list[str]:
    """Return the texts of the log records of a check with two messages."""
    checks = importlib.import_module(f"{package}.checks")
    return _logged(
        checks,
        lambda: [
            checks.Error("some error", id="tests.checks.E001"),
            checks.Warning("some warning", id="tests.checks.W001"),
        ],
    )


def log_text_without_id(package: str) -> list[str]:
    """Return the text of the log record of a message without an id."""
    checks = importlib.import_module(f"{package}.checks")
    return _logged(checks, lambda: [checks.Error("some error")])


def _logged(checks: Any, check: Any) -> list[str]:
    import logging

    texts: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: texts.append(  # type: ignore[method-assign]
        f"{record.levelname} {record.getMessage()}"
    )
    logging.getLogger().addHandler(handler)
    checks.run_checks([("storage", check)])
    return texts


@pytest.mark.parametrize("package", BOTH)
def test_c03_the_log_text_starts_with_the_id(package: str) -> None:
    assert isolated(log_texts, package) == [
        "ERROR tests.checks.E001: some error",
        "WARNING tests.checks.W001: some warning",
    ]


def test_c03_without_an_id_the_log_text_starts_with_the_name_of_the_check() -> None:
    assert isolated(log_text_without_id, OURS) == ["ERROR storage: some error"]
