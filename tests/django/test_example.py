"""The example of Django."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests import test_examples as examples
from tests.servers import ANSWERS_WITHIN, missing, poll, records, serving

# Its fixture.
database = examples.database

GUNICORN = (sys.executable, "-m", "gunicorn", "--no-control-socket")


def test_the_example_reads_and_checks_its_database(
    database: Path, tmp_path: Path
) -> None:
    if (module := missing(["gunicorn"])) is not None:
        pytest.skip(f"{module} is not installed")
    bind = ("--bind", "127.0.0.1:{port}", "--pythonpath", str(examples.EXAMPLES))
    asked = ["/", "/__heartbeat__", "/__heartbeat__", "/__lbheartbeat__"]
    answers = []
    with (
        serving([*GUNICORN, *bind, "django_app:application"], tmp_path) as server,
        httpx.Client(base_url=server.url, timeout=ANSWERS_WITHIN) as client,
    ):
        for number, path in enumerate(asked):
            if number == 2:
                database.write_bytes(b"This is no database.")
            answers.append(client.get(path, headers={"X-Request-ID": f"id-{number}"}))

        def told() -> list[dict[str, object]]:
            return [
                record["Fields"]
                for record in records(server.output())
                if record["Type"] == "request.summary"
                and record["Fields"]["rid"].startswith("id-")
            ]

        assert poll(lambda: len(told()) == len(asked), ANSWERS_WITHIN)
        summaries = told()
    assert answers[0].text == "Emma"
    assert [answer.status_code for answer in answers] == [200, 200, 500, 200]
    assert [fields["code"] for fields in summaries] == [200, 200, 500, 200]
    assert summaries[0]["books"] == 1


def test_manage_py_check_runs_the_checks_of_the_example(database: Path) -> None:
    arguments = ("check", "--deploy", "--tag", "dockerflow")
    command = [sys.executable, str(examples.EXAMPLES / "django_app.py"), *arguments]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DOCKERFLOW_")}
    fine = subprocess.run(command, env=kept, capture_output=True, text=True)
    assert (fine.returncode, fine.stderr) == (0, "")
    database.write_bytes(b"This is no database.")
    broken = subprocess.run(command, env=kept, capture_output=True, text=True)
    assert broken.returncode == 1
    assert "(bookshop.E001) The books cannot be read." in broken.stderr
