"""The example on Sanic's own server, with a database that breaks."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import ANSWERS_WITHIN, Server, poll, records, serving

COMMAND = (
    *(sys.executable, "-m", "sanic", "examples.sanic_app:app"),
    *("--port", "{port}", "--no-motd", "--no-access-logs"),
)


def summaries(server: Server) -> list[dict[str, Any]]:
    """Return the summaries of the page."""
    logged = [r for r in records(server.output()) if r["Type"] == "request.summary"]
    return [r["Fields"] for r in logged if r["Fields"]["path"] == "/"]


def test_the_example_reads_and_checks_its_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "books.sqlite"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE books (title TEXT)")
        connection.execute("INSERT INTO books VALUES ('Emma')")
        connection.commit()
    monkeypatch.setenv("DEMO_DATABASE", str(database))
    with (
        serving(COMMAND, tmp_path) as server,
        httpx.Client(
            base_url=server.url, timeout=ANSWERS_WITHIN, trust_env=False
        ) as client,
    ):
        assert client.get("/").json() == ["Emma"]
        assert client.get("/__heartbeat__").status_code == 200
        database.write_bytes(b"This is no database.")
        assert client.get("/__heartbeat__").status_code == 500
        poll(lambda: bool(summaries(server)), ANSWERS_WITHIN)
    (page,) = summaries(server)
    assert (page["code"], page["books"]) == (200, 1)
