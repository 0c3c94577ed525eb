"""`DockerflowMiddleware`: one line in front of any WSGI or ASGI application.

In ``wsgi.py`` or ``asgi.py``, outside of all other middleware::

    from dockerflow_mw import DockerflowMiddleware

    application = DockerflowMiddleware(application)

The middleware answers ``/__version__``, ``/__heartbeat__`` and ``/__lbheartbeat__``
before host checks, redirects, sessions and authentication can interfere. All other
requests pass through unchanged. Each request leaves one ``request.summary`` record.

Register checks on the object::

    @application.check
    def database():
        with engine.connect() as connection:
            connection.execute(text("select 1"))
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Unpack, overload

from dockerflow_mw.logging.encoding import safe_repr
from dockerflow_mw.protocols.detect import Interface, resolve
from dockerflow_mw.service import Service
from dockerflow_mw.settings import Options, Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from dockerflow_mw.protocols.types import Receive, Scope, Send

__all__ = ["DockerflowMiddleware"]


class DockerflowMiddleware:
    """A WSGI or ASGI application in front of another one, with the same protocol.

    Unknown attributes are looked up on the wrapped application.

    Args:
        app: a WSGI, ASGI 3 or ASGI 2 application.
        interface: ``"wsgi"`` or ``"asgi"``, if ``"auto"`` cannot detect the protocol.
        options: see `dockerflow_mw.settings.Settings`. Settings that are not given come
            from ``DOCKERFLOW_*`` environment variables.

    Attributes:
        app: the wrapped application.
        check: the decorator that registers a check on this middleware; see
            `dockerflow_mw.checks.Registry.register`.
        checks: the registry of the checks of this middleware.
        service: the engine.
        settings: the settings in force.

    Raises:
        dockerflow_mw.settings.SettingsError: an option or a variable is invalid.
        TypeError: ``app`` is not an application.
    """

    def __init__(
        self, app: Any, *, interface: Interface = "auto", **options: Unpack[Options]
    ) -> None:
        if isinstance(app, DockerflowMiddleware):
            message = f"{safe_repr(app)} is a DockerflowMiddleware already; wrap once."
            raise TypeError(message)
        application, protocol = resolve(app, interface)
        self.app = app
        self.service = Service(
            app, Settings.load(options), name=type(self).__name__, sender=self
        )
        self.service.load()
        self.settings = self.service.settings
        self.checks = self.service.checks
        self.check = self.service.check
        self._serve = _middleware_class(protocol)(application, self.service)
        # Servers read `app.__call__` to see whether it is a coroutine function. Python
        # itself calls the method of the class, for any protocol.
        vars(self)["__call__"] = self._serve.__call__
        if protocol == "asgi":
            # asgiref reads this first; the wrapped application may be marked as ASGI 2.
            self._asgi_single_callable = True
        self.__signature__ = inspect.signature(self._serve)

    @overload
    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]: ...
    @overload
    def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> Awaitable[None]: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Serve a request as a WSGI or as an ASGI application."""
        return self._serve(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        # Tools ask for double underscores to see what an object is: the answer must be
        # this object's own.
        if name == "app" or name.startswith("__"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.")
        return getattr(self.app, name)

    def __repr__(self) -> str:
        return repr(self.service)


def _middleware_class(protocol: str) -> Any:
    # Imported here: a process serves one protocol.
    if protocol == "wsgi":
        from dockerflow_mw.protocols.wsgi import WSGIMiddleware

        return WSGIMiddleware
    from dockerflow_mw.protocols.asgi import ASGIMiddleware

    return ASGIMiddleware
