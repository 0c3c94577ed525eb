"""Checks whether a TCP port accepts connections, with the standard library alone.

An open port means that a process listens, not that the service works. If there is a
check that speaks the protocol, use that check.
"""

from __future__ import annotations

import functools
import socket

from dockerflow_mw import health
from dockerflow_mw.checks.builtin.base import SECONDS, BuiltInCheck, Messages
from dockerflow_mw.checks.messages import Error
from dockerflow_mw.settings.readers import number, positive_seconds, setting, text


def port_open(host: str, port: int, *, timeout: float = 2.0) -> BuiltInCheck:
    """Return a check that a TCP port accepts connections.

    Args:
        host: a host name or an IP address.
        port: the number of the port, from 1 to 65535.
        timeout: how long to wait for each address of the host, in seconds. It does
            not limit the lookup of the name.

    Raises:
        ValueError: an argument is not allowed.
    """
    ports = number(int, low=1, high=65535)
    address = (
        setting("host", host, text(".+"), "a name or an address"),
        setting("port", port, ports, "a whole number from 1 to 65535"),
    )
    seconds = setting("timeout", timeout, positive_seconds, SECONDS)
    check = functools.partial(_check, address, seconds)
    return BuiltInCheck("port_open", check, f"{host}:{port}")


def _check(address: tuple[str, int], timeout: float) -> Messages:
    try:
        socket.create_connection(address, timeout).close()
    except (OSError, UnicodeError) as error:
        # The codec for host names raises UnicodeError for names such as "a..b".
        message = f"The port accepts no connection ({type(error).__name__})."
        hint = "Check that the server runs and that the network allows connections."
        return [Error(message, id=health.ERROR_PORT_CLOSED, hint=hint, obj=error)]
    return []
