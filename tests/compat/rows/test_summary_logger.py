"""The logger of the summaries, replaced before the start."""

from __future__ import annotations

import asyncio
import importlib
import logging
from typing import Any

import pytest

from tests.compat.rows.isolated import BOTH, isolated


def summaries_of(extension: Any) -> list[str]:
    """Return the list of the loggers of summaries, and replace an extension's."""
    names: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if hasattr(record, "rid"):
                names.append(record.name)

    logging.root.addHandler(Handler())
    logging.root.setLevel(logging.INFO)
    extension.summary_logger = logging.getLogger("other")
    return names


def flask_summaries(package: str) -> list[str]:
    flask = importlib.import_module("flask")
    app = flask.Flask("app")
    extension = importlib.import_module(f"{package}.flask").Dockerflow(app)
    names = summaries_of(extension)
    app.test_client().get("/")
    return names


def sanic_summaries(package: str) -> list[str]:
    door = importlib.import_module("tests.sanic.door")
    app = door.make_app()
    extension = importlib.import_module(f"{package}.sanic").Dockerflow(app)
    names = summaries_of(extension)
    asked = door.Asked(app)
    asyncio.run(asked.start())
    asked.ask()
    return names


@pytest.mark.parametrize("function", [flask_summaries, sanic_summaries])
@pytest.mark.parametrize("package", BOTH)
def test_c18_a_summary_logger_that_is_set_after_the_extension_is_used(
    package: str, function: Any
) -> None:
    assert isolated(function, package) == ["other"]
