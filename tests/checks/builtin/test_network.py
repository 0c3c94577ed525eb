"""Tests of the check of a TCP port with real sockets."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from dockerflow_mw import checks
from dockerflow_mw.checks.builtin.network import port_open
from tests.checks.builtin.faults import (
    WebServer,
    leaks,
    probe,
    silent_port,
)
from tests.servers import free_port

OK: tuple[int, list[str]] = (200, [])
CLOSED = (500, ["E110"])


def test_the_check_follows_a_port_that_opens_and_closes(web_server: WebServer) -> None:
    port = free_port()
    web_server.application.check(port_open("127.0.0.1", port))
    closed = probe(web_server)
    assert closed.outcome == CLOSED
    assert list(closed.messages.values()) == [
        "The port accepts no connection (ConnectionRefusedError)."
    ]
    assert leaks(closed.body, f"tcp://127.0.0.1:{port}") == []

    with socket.create_server(("127.0.0.1", port)) as server:
        assert probe(web_server).outcome == OK
        connection, _ = server.accept()
        with connection:
            # The check has closed its connection.
            assert connection.recv(1) == b""
    assert probe(web_server).outcome == CLOSED


def test_a_server_that_listens_need_not_answer(web_server: WebServer) -> None:
    with silent_port() as port:
        web_server.application.check(port_open("localhost", port))
        assert probe(web_server).outcome == OK


@pytest.mark.parametrize(
    "host", ["host.invalid", "a..b", "x" * 64], ids=["unknown", "dots", "long"]
)
def test_an_unknown_host_name_fails(web_server: WebServer, host: str) -> None:
    web_server.application.check(port_open(host, 80))
    assert probe(web_server).outcome == CLOSED


@pytest.mark.parametrize(
    ("arguments", "options", "expected"),
    [
        (("", 80), {}, "host is ''; it must be a name or an address."),
        ((b"host", 80), {}, "host is b'host'; it must be a name or an address."),
        (("host", 0), {}, "port is 0; it must be a whole number from 1 to 65535."),
        (
            ("host", True),
            {},
            "port is True; it must be a whole number from 1 to 65535.",
        ),
        (
            ("host", "smtp"),
            {},
            "port is 'smtp'; it must be a whole number from 1 to 65535.",
        ),
        (
            ("host", 80),
            {"timeout": -1},
            "timeout is -1; it must be a number of seconds above 0.",
        ),
    ],
)
def test_an_invalid_argument_raises_an_error_that_names_it(
    arguments: Any, options: Any, expected: str
) -> None:
    with pytest.raises(ValueError, match="it must be") as raised:
        port_open(*arguments, **options)
    assert str(raised.value) == expected


def test_checks_are_identified_by_their_host_and_port() -> None:
    check = port_open("host", 25)
    assert (check.__name__, check.critical) == ("port_open", True)
    assert check.identity == ("port_open", "host:25")
    registry = checks.Registry()
    registry.register(check)
    registry.register(port_open("host", 25, timeout=1))
    with pytest.raises(checks.DuplicateCheckError, match="host:26"):
        registry.register(port_open("host", 26))
