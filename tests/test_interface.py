from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest

from dockerflow_mw.protocols.detect import resolve
from dockerflow_mw.settings import SettingsError


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    return []


async def asgi(scope: Any, receive: Any, send: Any) -> None: ...


def asgi_without_async(scope: Any, receive: Any, send: Any) -> Any:
    return asgi(scope, receive, send)


class WSGIObject:
    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        return []

    def method(self, environ: Any, start_response: Any) -> list[bytes]:
        return []


class WSGIClass:
    def __init__(self, environ: Any, start_response: Any) -> None: ...


class ASGIObject:
    async def __call__(self, *args: Any) -> None: ...

    def method(self, scope: Any, receive: Any, send: Any) -> Any: ...


class HintedASGI2Class:
    _asgi_double_callable = True

    def __init__(self, handed_over: Any) -> None:
        self.scope = handed_over

    async def __call__(self, receive: Any, send: Any) -> None:
        await send(self.scope)


class ASGI2Class:
    def __init__(self, scope: Any) -> None:
        self.scope = scope

    async def __call__(self, receive: Any, send: Any) -> None:
        await send(self.scope)


def with_configuration(
    configuration: Any, environ: Any, start_response: Any, strict: bool = True
) -> list[bytes]:
    return []


@functools.wraps(asgi)
def decorated_asgi(*args: Any) -> Any:
    return asgi(*args)


@functools.wraps(wsgi)
def decorated_wsgi(*args: Any) -> Any:
    return wsgi(*args)


@pytest.mark.parametrize(
    ("app", "interface"),
    [
        (wsgi, "wsgi"),
        (WSGIObject(), "wsgi"),
        (WSGIObject().method, "wsgi"),
        (WSGIClass, "wsgi"),
        (functools.partial(with_configuration, None), "wsgi"),
        (decorated_wsgi, "wsgi"),
        (asgi, "asgi"),
        (asgi_without_async, "asgi"),
        (ASGIObject(), "asgi"),
        (ASGIObject().method, "asgi"),
        (functools.partial(asgi), "asgi"),
        (decorated_asgi, "asgi"),
    ],
)
def test_the_interface_is_found_out(app: Any, interface: str) -> None:
    assert resolve(app) == (app, interface)


@pytest.mark.parametrize("made", [ASGI2Class, HintedASGI2Class])
def test_an_asgi_2_application_becomes_an_asgi_3_one(made: Any) -> None:
    for interface in ("auto", "asgi"):
        app, found = resolve(made, interface)
        sent: list[Any] = []

        async def send(message: Any, sent: list[Any] = sent) -> None:
            sent.append(message)

        asyncio.run(app({"type": "x"}, None, send))
        assert (found, sent) == ("asgi", [{"type": "x"}])


def _anything(*args: Any) -> Any: ...


class _View:
    """Looks like an application of one argument, as werkzeug's decorator makes one."""

    __wrapped__ = staticmethod(lambda request: request)

    def __call__(self, *args: Any) -> Any: ...


def create_app(config: Any = None) -> Any: ...


@pytest.mark.parametrize(
    "app",
    [
        _anything,
        lambda a, b, c, d: None,
        type,
        lambda: 1,
        lambda config: None,
        create_app,
        _View(),
    ],
)
def test_what_cannot_be_told_has_to_be_said(app: Any) -> None:
    with pytest.raises(TypeError, match="say which it is with interface='wsgi' or"):
        resolve(app)
    assert resolve(app, "wsgi") == (app, "wsgi")
    assert resolve(app, "asgi") == (app, "asgi")


def test_what_is_no_application_is_refused() -> None:
    with pytest.raises(TypeError, match="must be callable, and 'app:app' is not"):
        resolve("app:app")


def test_an_unknown_interface_is_refused() -> None:
    with pytest.raises(
        SettingsError, match="interface is 'fastcgi'; it must be 'auto'"
    ):
        resolve(wsgi, "fastcgi")
