"""Serves both examples with real servers, breaks their database and tells what comes.

With ``--serve``, it leaves the two servers running until Ctrl-C or SIGTERM.
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

from processes import PATIENCE, DemoError, Log, Server, running_servers

TITLES = ("Middlemarch", "Walden", "Emma")
VERSION = {"source": "the demo", "version": "1.0", "commit": "c0ffee", "build": "none"}
# Left out of the log lines as they are shown, beside most of their envelope.
LEFT_OUT = {"agent", "endpoints", "hint", "id", "lang", "settings", "traceback", "uid"}
BOLD, DIM, RED, GREEN = 1, 2, 31, 32

# With neither proxies nor exceptions for error statuses: answers as they are.
CLIENT = OpenerDirector()
CLIENT.add_handler(HTTPHandler())


@dataclasses.dataclass(frozen=True)
class Step:
    """A request and what has to come of it."""

    path: str
    status: int
    fields: dict[str, str] = dataclasses.field(default_factory=dict)
    text: str | None = None
    method: str = "GET"


ALL_IS_WELL = (
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
WELL_AGAIN = (
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


def shortened(text: Any) -> Any:
    long = isinstance(text, str) and len(text) > 80
    return f"{text[:60]}..." if long else text


def telling(record: dict[str, Any]) -> str:
    fields = record["Fields"].items()
    kept = {k: shortened(v) for k, v in fields if v is not None and k not in LEFT_OUT}
    return json.dumps({"Type": record["Type"], "Fields": kept})


def check(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise DemoError(f"{what} is {found!r} instead of {expected!r}.")


def ask(url: str, method: str, request_id: str) -> tuple[int, str, str]:
    request = Request(url, headers={"X-Request-ID": request_id}, method=method)
    try:
        with CLIENT.open(request, timeout=PATIENCE) as response:
            kind = response.headers.get_content_type()
            return response.status, kind, response.read().decode()
    except (OSError, HTTPException) as error:
        raise DemoError(f"{method} {url} got no answer: {error}.") from error


def fields_of(body: str) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        value = json.loads(body)
        return value if isinstance(value, dict) else {}
    return {}


def exchange(server: Server, log: Log, step: Step, request_id: str) -> None:
    """Make a request, print what came of it and compare it with what had to."""
    asked = f"{step.method} {server.address}{step.path}"
    print(f"\n{paint(asked, BOLD)}  {server.name}")
    status, kind, body = ask(server.address + step.path, step.method, request_id)
    print(f"  {paint(str(status), GREEN if status < 400 else RED)}  {kind}")
    for line in body.splitlines() if kind != "text/html" else ["(the server's page)"]:
        print(f"  {line}")
    for record in log.until_summary():
        print(paint(f"  log: {telling(record)}", DIM))
    check(f"The status of {asked}", status, step.status)
    if step.text is not None:
        check(f"The body of {asked}", body, step.text)
    for name, value in step.fields.items():
        check(f"{name!r} in the body of {asked}", fields_of(body).get(name), value)
    logged = {name: record["Fields"].get(name) for name in ("code", "rid")}
    check(f"The summary of {asked}", logged, {"code": status, "rid": request_id})


def show(log: Log, servers: list[Server], folder: Path) -> None:
    ids = (f"demo-{number}" for number in itertools.count(1))

    def scene(title: str, steps: tuple[Step, ...]) -> None:
        print(f"\n=== {title} ===")
        for server, step in itertools.product(servers, steps):
            exchange(server, log, step, next(ids))

    database, aside = folder / "books.sqlite", folder / "moved-away.sqlite"
    print("Below each answer is what its request left in the log, shortened.")
    scene("All is well", ALL_IS_WELL)
    database.rename(aside)
    scene("The database is gone", WITHOUT_DATABASE)
    aside.rename(database)
    scene("The database is back", WELL_AGAIN)
    print("\nEvery answer and every summary was as expected.")


def serve(log: Log, servers: list[Server]) -> NoReturn:
    for server in servers:
        print(f"{server.name} serves {server.address}", flush=True)
    print("Ctrl-C stops both.", flush=True)
    while True:
        print(log.next(), end="", flush=True)


def interrupt_once(*_: object) -> NoReturn:
    # A second signal must not stop the stopping of the servers.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help="leave both running")
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
