"""The application without a framework, as each kind of callable."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tests.frameworks import PAGE, boom

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


def respond(path: str) -> tuple[int, str, bytes]:
    """Return the status, its phrase and the body."""
    if path == "/boom":
        boom()
    return (200, "OK", PAGE) if path == "/page" else (404, "Not Found", b"")


def serve_wsgi(
    environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Serve one request."""
    status, phrase, body = respond(environ["PATH_INFO"])
    length = ("Content-Length", str(len(body)))
    start_response(f"{status} {phrase}", [("Content-Type", "text/plain"), length])
    return [body]


async def serve_asgi(scope: Any, receive: Any, send: Any) -> None:
    """Serve one request."""
    status, _, body = respond(scope["path"])
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _marked(app: Any) -> Any:
    app.mark = object()
    return app


def wsgi_function() -> Any:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        return serve_wsgi(environ, start_response)

    return _marked(app)


def wsgi_partial() -> Any:
    def app(option: int, environ: Any, start_response: Any) -> Iterable[bytes]:
        return serve_wsgi(environ, start_response)

    return _marked(functools.partial(app, 1))


def wsgi_decorated() -> Any:
    return _marked(_decorated(serve_wsgi))


def wsgi_object() -> Any:
    class App:
        def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
            return serve_wsgi(environ, start_response)

    return _marked(App())


def wsgi_class() -> Any:
    class App:
        def __init__(self, environ: Any, start_response: Any) -> None:
            self._body = serve_wsgi(environ, start_response)

        def __iter__(self) -> Iterator[bytes]:
            return iter(self._body)

    return _marked(App)


def asgi_function() -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await serve_asgi(scope, receive, send)

    return _marked(app)


def asgi_partial() -> Any:
    async def app(option: int, scope: Any, receive: Any, send: Any) -> None:
        await serve_asgi(scope, receive, send)

    return _marked(functools.partial(app, 1))


def asgi_decorated() -> Any:
    return _marked(_decorated(serve_asgi))


def asgi_object() -> Any:
    class App:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await serve_asgi(scope, receive, send)

    return _marked(App())


def asgi_object_with_plain_call() -> Any:
    class App:
        def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
            return serve_asgi(scope, receive, send)

    return _marked(App())


def asgi_2_class() -> Any:
    class App:
        def __init__(self, scope: Any) -> None:
            self._scope = scope

        async def __call__(self, receive: Any, send: Any) -> None:
            await serve_asgi(self._scope, receive, send)

    return _marked(App)


def asgi_2_class_with_hint() -> Any:
    app = asgi_2_class()
    # asgiref marks ASGI 2 applications with this attribute.
    app._asgi_double_callable = True
    return app


def _decorated(app: Callable[..., Any]) -> Any:
    # Most decorators return a plain function, also around a coroutine function.
    @functools.wraps(app)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return app(*args, **kwargs)

    return wrapper
