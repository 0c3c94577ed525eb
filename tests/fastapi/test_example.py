"""The example of FastAPI, with a database that breaks."""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fastapi.talk import started
from tests.test_examples import imported


@pytest.fixture
def _logging() -> Iterator[None]:
    """Restore the root logger, which configure_logging changes."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("_logging")
async def test_the_example_reads_and_checks_its_database(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    database = tmp_path / "books.sqlite"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE books (title TEXT)")
        connection.execute("INSERT INTO books VALUES ('Emma')")
        connection.commit()
    monkeypatch.setenv("DEMO_DATABASE", str(database))
    async with started(imported("fastapi_app").app) as client:
        assert (await client.get("/")).json() == ["Emma"]
        assert (await client.get("/__heartbeat__")).status_code == 200
        database.write_bytes(b"This is no database.")
        assert (await client.get("/__heartbeat__")).status_code == 500
        assert (await client.get("/__lbheartbeat__")).status_code == 200

    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    fields = [r["Fields"] for r in records if r["Type"] == "request.summary"]
    assert [f["code"] for f in fields] == [200, 200, 500, 200]
    assert fields[0]["books"] == 1
