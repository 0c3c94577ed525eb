"""The example for Flask runs and logs its summaries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import test_examples as examples
from tests.doors import BareWSGI

# The fixtures of the examples: a database, and the restored root logger.
database = examples.database
_logging = examples._logging


@pytest.mark.usefixtures("_logging")
def test_the_example_reads_and_checks_its_database(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    door = BareWSGI()
    door.served = examples.imported("flask_app").application

    assert door.ask("/").body == b"Emma"
    assert door.ask("/__heartbeat__").status == 200
    database.write_bytes(b"This is no database.")
    assert door.ask("/__heartbeat__").status == 500
    assert door.ask("/__lbheartbeat__").status == 200

    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    summaries = [r["Fields"] for r in records if r["Type"] == "request.summary"]
    assert [fields["code"] for fields in summaries] == [200, 200, 500, 200]
    assert summaries[0]["books"] == 1
