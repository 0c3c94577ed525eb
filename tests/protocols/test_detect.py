"""The detection of the protocol that an application speaks."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from dockerflow_mw.protocols.detect import resolve
from dockerflow_mw.settings import SettingsError
from tests.protocols.serving import sent_by


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

    def __init__(self, first: Any) -> None:
        self.scope = first

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
def test_the_protocol_is_detected(app: Any, interface: str) -> None:
    assert resolve(app) == (app, interface)


@pytest.mark.parametrize("asgi_2", [ASGI2Class, HintedASGI2Class])
@pytest.mark.parametrize("interface", ["auto", "asgi"])
async def test_an_asgi_2_application_becomes_an_asgi_3_one(
    asgi_2: Any, interface: str
) -> None:
    app, protocol = resolve(asgi_2, interface)
    sent = await sent_by(app, {"type": "x"})
    assert (protocol, sent) == ("asgi", [{"type": "x"}])


def takes_any_arguments(*args: Any) -> Any: ...


class DecoratedView:
    """A WSGI application whose signature is that of the view it wraps.

    The decorator ``werkzeug.wrappers.Request.application`` makes such an object.
    """

    __wrapped__ = staticmethod(lambda request: request)

    def __call__(self, *args: Any) -> Any: ...


def create_app(config: Any = None) -> Any: ...


@pytest.mark.parametrize(
    "app",
    [
        takes_any_arguments,
        lambda a, b, c, d: None,
        type,
        lambda: 1,
        lambda config: None,
        create_app,
        DecoratedView(),
    ],
)
def test_a_protocol_that_cannot_be_detected_is_an_error(app: Any) -> None:
    with pytest.raises(TypeError, match=r"detected.* set interface='wsgi'"):
        resolve(app)
    assert resolve(app, "wsgi") == (app, "wsgi")
    assert resolve(app, "asgi") == (app, "asgi")


def test_a_value_that_is_not_callable_is_an_error() -> None:
    with pytest.raises(TypeError, match="must be callable, and 'app:app' is not"):
        resolve("app:app")


def test_an_unknown_interface_is_refused() -> None:
    with pytest.raises(
        SettingsError, match="interface is 'fastcgi'; it must be 'auto'"
    ):
        resolve(wsgi, "fastcgi")
