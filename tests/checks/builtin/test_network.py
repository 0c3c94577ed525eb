"""The check of a TCP port against real sockets."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from dockerflow_mw import checks
from dockerflow_mw.checks.builtin.network import port_open
from tests.checks.builtin.faults import (
    LastingDoor,
    beat,
    leaks,
    silent_port,
)
from tests.servers import free_port

WELL: tuple[int, list[str]] = (200, [])
CLOSED = (500, ["E110"])


def test_a_port_that_opens_and_closes(door: LastingDoor) -> None:
    port = free_port()
    door.application.check(port_open("127.0.0.1", port))
    closed = beat(door)
    assert closed.outcome == CLOSED
    assert list(closed.messages.values()) == [
        "The port takes no connection (ConnectionRefusedError)."
    ]
    assert leaks(closed.body, f"tcp://127.0.0.1:{port}") == []

    with socket.create_server(("127.0.0.1", port)) as server:
        assert beat(door).outcome == WELL
        connection, _ = server.accept()
        with connection:
            # It was closed and not just forgotten.
            assert connection.recv(1) == b""
    assert beat(door).outcome == CLOSED


def test_what_listens_need_not_answer(door: LastingDoor) -> None:
    with silent_port() as port:
        door.application.check(port_open("localhost", port))
        assert beat(door).outcome == WELL


@pytest.mark.parametrize(
    "host", ["host.invalid", "a..b", "x" * 64], ids=["unknown", "dots", "long"]
)
def test_a_name_that_leads_nowhere(door: LastingDoor, host: str) -> None:
    door.application.check(port_open(host, 80))
    assert beat(door).outcome == CLOSED


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
            ("host", "80"),
            {},
            "port is '80'; it must be a whole number from 1 to 65535.",
        ),
        (
            ("host", 80),
            {"timeout": -1},
            "timeout is -1; it must be a number of seconds above 0.",
        ),
    ],
)
def test_a_factory_validates_its_arguments(
    arguments: Any, options: Any, expected: str
) -> None:
    with pytest.raises(ValueError, match="it must be") as raised:
        port_open(*arguments, **options)
    assert str(raised.value) == expected


def test_two_ports_are_told_apart_and_one_is_itself_again() -> None:
    check = port_open("host", 25)
    assert (check.__name__, check.critical) == ("port_open", True)
    assert check.identity == ("port_open", "host:25")
    registry = checks.Registry()
    registry.register(check)
    registry.register(port_open("host", 25, timeout=1))
    with pytest.raises(checks.DuplicateCheckError, match="host:26"):
        registry.register(port_open("host", 26))
