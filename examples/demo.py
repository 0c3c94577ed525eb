"""Serve two applications, remove their database, and print responses and log lines.

With ``--serve``, the two servers run until Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import json
import signal
import sqlite3
import sys
import tempfile
from http.client import HTTPException
from pathlib import Path
from typing import Any, NoReturn
from urllib.request import HTTPHandler, OpenerDirector, Request

from processes import TIMEOUT, DemoError, Log, Server, running_servers

TITLES = ("Middlemarch", "Walden", "Emma")
VERSION = {"source": "the demo", "version": "1.0", "commit": "c0ffee", "build": "none"}
# The fields that are left out of the printed log lines.
OMITTED = {"agent", "endpoints", "hint", "id", "lang", "settings", "traceback", "uid"}
BOLD, DIM, RED, GREEN = 1, 2, 31, 32

# This opener uses no proxy and raises no exception for error statuses.
CLIENT = OpenerDirector()
CLIENT.add_handler(HTTPHandler())


@dataclasses.dataclass(frozen=True)
class Step:
    """A request and its expected response."""

    path: str
    status: int
    fields: dict[str, str] = dataclasses.field(default_factory=dict)
    text: str | None = None
    method: str = "GET"


WITH_DATABASE = (
    Step("/", 200, text="\n".join(TITLES)),
    Step("/__version__", 200, VERSION),
    Step("/__heartbeat__", 200, {"status": "ok"}),
    Step("/__heartbeat__", 200, text="", method="HEAD"),
    Step("/__lbheartbeat__", 200, text=""),
    Step("/__error__", 500),
)
WITHOUT_DATABASE = (
    Step("/__heartbeat__", 500, {"status": "error"}),
    Step("/__lbheartbeat__", 200, text=""),
    Step("/", 500),
)
DATABASE_RESTORED = (
    Step("/__heartbeat__", 200, {"status": "ok"}),
    Step("/", 200, text="\n".join(TITLES)),
)


def write_files(folder: Path) -> None:
    (folder / "version.json").write_text(json.dumps(VERSION))
    with contextlib.closing(sqlite3.connect(folder / "books.sqlite")) as connection:
        connection.execute("CREATE TABLE books (title TEXT)")
        rows = [(title,) for title in TITLES]
        connection.executemany("INSERT INTO books VALUES (?)", rows)
        connection.commit()


def paint(text: str, colour: int) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if sys.stdout.isatty() else text


def shorten(value: Any) -> Any:
    is_long = isinstance(value, str) and len(value) > 80
    return f"{value[:60]}..." if is_long else value


def format_record(record: dict[str, Any]) -> str:
    fields = record["Fields"].items()
    kept = {k: shorten(v) for k, v in fields if v is not None and k not in OMITTED}
    return json.dumps({"Type": record["Type"], "Fields": kept})


def check(name: str, found: object, expected: object) -> None:
    if found != expected:
        raise DemoError(f"{name} is {found!r} instead of {expected!r}.")


def send(url: str, method: str, request_id: str) -> tuple[int, str, str]:
    request = Request(url, headers={"X-Request-ID": request_id}, method=method)
    try:
        with CLIENT.open(request, timeout=TIMEOUT) as response:
            kind = response.headers.get_content_type()
            return response.status, kind, response.read().decode()
    except (OSError, HTTPException) as error:
        raise DemoError(f"{method} {url} failed: {error}.") from error


def fields_of(body: str) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        value = json.loads(body)
        return value if isinstance(value, dict) else {}
    return {}


def exchange(server: Server, log: Log, step: Step, request_id: str) -> None:
    """Send a request, print the response and its log records, and check both.

    Raises:
        DemoError: the response or the summary is not the expected one.
    """
    request = f"{step.method} {server.address}{step.path}"
    print(f"\n{paint(request, BOLD)}  {server.name}")
    status, kind, body = send(server.address + step.path, step.method, request_id)
    print(f"  {paint(str(status), GREEN if status < 400 else RED)}  {kind}")
    shown = "(the error page of the server)" if kind == "text/html" else body
    for line in shown.splitlines():
        print(f"  {line}")
    for record in log.until_summary():
        print(paint(f"  log: {format_record(record)}", DIM))
    check(f"The status of {request}", status, step.status)
    if step.text is not None:
        check(f"The body of {request}", body, step.text)
    for name, value in step.fields.items():
        check(f"{name!r} in the body of {request}", fields_of(body).get(name), value)
    logged = {name: record["Fields"].get(name) for name in ("code", "rid")}
    check(f"The summary of {request}", logged, {"code": status, "rid": request_id})


def show(log: Log, servers: list[Server], folder: Path) -> None:
    ids = (f"demo-{number}" for number in itertools.count(1))

    def scene(title: str, steps: tuple[Step, ...]) -> None:
        print(f"\n=== {title} ===")
        for server, step in itertools.product(servers, steps):
            exchange(server, log, step, next(ids))

    database, renamed = folder / "books.sqlite", folder / "renamed.sqlite"
    print("The shortened log records of each request are below its response.")
    scene("The database works", WITH_DATABASE)
    database.rename(renamed)
    scene("The database is missing", WITHOUT_DATABASE)
    renamed.rename(database)
    scene("The database is restored", DATABASE_RESTORED)
    print("\nAll responses and summaries were as expected.")


def serve(log: Log, servers: list[Server]) -> NoReturn:
    for server in servers:
        print(f"{server.name} serves {server.address}", flush=True)
    print("Press Ctrl-C to stop both servers.", flush=True)
    while True:
        print(log.next(), end="", flush=True)


def interrupt_once(*_: object) -> NoReturn:
    # A second signal would interrupt the shutdown of the servers.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help="keep the servers running")
    serving = parser.parse_args().serve
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt_once)
    log = Log()
    try:
        with tempfile.TemporaryDirectory() as name:
            write_files(Path(name))
            with running_servers(Path(name), log) as servers:
                if serving:
                    serve(log, servers)
                show(log, servers, Path(name))
    except KeyboardInterrupt:
        print("Both servers are stopped.")
        return 0 if serving else 130
    except DemoError as error:
        print(f"The demo failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
