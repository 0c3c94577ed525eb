"""The formatter and the handler: the fields of a line beside those of the record."""

from __future__ import annotations

import importlib
import io
import json
import logging
import os
from typing import Any

import pytest

from dockerflow_mw.logging import MozlogFormatter
from tests.compat.rows.isolated import BOTH, isolated


def logger_of_a_line(package: str) -> str:
    """Return the ``Logger`` of a line, by the names of its handler and formatter."""
    module = importlib.import_module(f"{package}.logging")
    stream, given = io.StringIO(), os.environ["HANDLER"]
    handler = module.MozlogHandler(stream, **({"name": given} if given else {}))
    if os.environ["FORMATTER"]:

        class Subclass(module.MozlogFormatter):  # type: ignore[name-defined, misc]
            def convert_record(self, record: logging.LogRecord) -> Any:
                return super().convert_record(record)

        handler.setFormatter(Subclass(logger_name=os.environ["FORMATTER"]))
    logger = logging.getLogger("a logger")
    logger.addHandler(handler)
    logger.warning("a message")
    line: dict[str, str] = json.loads(stream.getvalue())
    return line["Logger"]


@pytest.mark.parametrize(
    ("handler", "formatter", "expected"),
    [
        ("svc", "", "svc"),
        ("svc", "mine", "svc"),
        ("", "mine", "Dockerflow"),
        ("", "", "Dockerflow"),
    ],
)
@pytest.mark.parametrize("package", BOTH)
def test_c07_the_handler_s_name_goes_before_the_formatter_s(
    package: str, handler: str, formatter: str, expected: str
) -> None:
    env = {"HANDLER": handler, "FORMATTER": formatter}
    assert isolated(logger_of_a_line, package, env=env) == expected


@pytest.mark.parametrize("package", BOTH)
def test_c11_json_log_formatter_is_deprecated(package: str) -> None:
    module = importlib.import_module(f"{package}.logging")
    with pytest.warns(DeprecationWarning, match="MozlogFormatter"):
        formatter = module.JsonLogFormatter(logger_name="svc")
    assert isinstance(formatter, module.MozlogFormatter)
    assert formatter.logger_name == "svc"


def test_c24_a_field_of_a_subclass_goes_before_that_of_a_profile() -> None:
    class Subclass(MozlogFormatter):
        def convert_record(self, record: logging.LogRecord) -> dict[str, Any]:
            return {**super().convert_record(record), "severity": "NOTICE"}

    record = logging.LogRecord("n", logging.INFO, "", 0, "a message", (), None)
    line = json.loads(Subclass(severity="gcp").format(record))
    assert (line["severity"], line["message"]) == ("NOTICE", "a message")
