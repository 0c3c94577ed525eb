"""Whether a TCP port takes connections, with the standard library alone.

::

    from dockerflow_mw import checks
    from dockerflow_mw.checks.builtin.network import port_open

    checks.register(port_open("mail.example.com", 25), name="mail")

It tells that something listens, not that it works: where there is a check that speaks
the protocol, use that one.
"""

from __future__ import annotations

import functools
import socket

from dockerflow_mw import health
from dockerflow_mw.checks.builtin.base import SECONDS, BuiltInCheck, Messages
from dockerflow_mw.checks.messages import Error
from dockerflow_mw.settings.readers import positive_seconds, setting


def port_open(host: str, port: int, *, timeout: float = 2.0) -> BuiltInCheck:
    """Make the check that a TCP port takes connections.

    Args:
        host: a name or an address.
        port: from 1 to 65535.
        timeout: how long to wait for each address of the host, in seconds. How long
            its name may take is for the resolver to say.

    Raises:
        ValueError: an argument is not allowed.
    """
    address = (
        setting("host", host, _host, "a name or an address"),
        setting("port", port, _port, "a whole number from 1 to 65535"),
    )
    seconds = setting("timeout", timeout, positive_seconds, SECONDS)
    connect = functools.partial(_connect, address, seconds)
    return BuiltInCheck("port_open", connect, f"{host}:{port}")


def _host(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _port(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 65536:
        raise ValueError
    return value


def _connect(address: tuple[str, int], timeout: float) -> Messages:
    try:
        socket.create_connection(address, timeout).close()
    except (OSError, UnicodeError) as error:
        # A name that cannot be one, such as "a..b", is a UnicodeError.
        text = f"The port takes no connection ({type(error).__name__})."
        hint = "See whether the server runs and may be reached from here."
        return [Error(text, id=health.ERROR_PORT_CLOSED, hint=hint, obj=error)]
    return []
