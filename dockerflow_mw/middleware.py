"""`DockerflowMiddleware`: one line in front of any WSGI or ASGI application.

In ``wsgi.py`` or ``asgi.py``, outside of everything else::

    from dockerflow_mw import DockerflowMiddleware

    application = DockerflowMiddleware(application)

It answers ``/__version__``, ``/__heartbeat__`` and ``/__lbheartbeat__`` before the
application sees them, so before host checks, redirects, sessions and
authentication can interfere; every other request passes unchanged and leaves one
``request.summary`` record. Checks are registered on the object itself::

    @application.check
    def database():
        with engine.connect() as connection:
            connection.execute(text("select 1"))
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Unpack, overload

from dockerflow_mw.announcement import Announcement
from dockerflow_mw.checks import Registry, default_registry
from dockerflow_mw.logging import configure_logging
from dockerflow_mw.logging.encoding import safe_repr
from dockerflow_mw.protocols.detect import Interface, resolve
from dockerflow_mw.settings import Options, Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from dockerflow_mw.protocols.asgi import Receive, Scope, Send


class DockerflowMiddleware:
    """Puts the Dockerflow endpoints and the request log in front of an application.

    The object is what the server expects of an application, WSGI or ASGI as the
    wrapped one is. Attributes that it has not are the application's.

    Args:
        app: a WSGI, an ASGI 3 or an ASGI 2 application.
        interface: ``"wsgi"`` or ``"asgi"``, where ``"auto"`` cannot tell.
        options: see `dockerflow_mw.settings.Settings`; what is not given is
            taken from ``DOCKERFLOW_*`` environment variables.

    Attributes:
        app: the wrapped application.
        check: the decorator that registers a check on this middleware, with and
            without arguments; see
            `dockerflow_mw.checks.Registry.register`.
        checks: the registry of the checks of this middleware.
        settings: the settings in force.

    Raises:
        dockerflow_mw.settings.SettingsError: an option or a variable cannot be used.
        TypeError: ``app`` is no application.
    """

    def __init__(
        self, app: Any, *, interface: Interface = "auto", **options: Unpack[Options]
    ) -> None:
        if isinstance(app, DockerflowMiddleware):
            message = f"{safe_repr(app)} is a DockerflowMiddleware already; wrap once."
            raise TypeError(message)
        served, found = resolve(app, interface)
        self.app = app
        self.settings = Settings.load(options)
        self.checks = Registry(parent=default_registry)
        self.check = self.checks.register
        for check in self.settings.checks:
            self.checks.register(check)
        if self.settings.configure_logging:
            configure_logging()
        # Here, for a worker or a command that only registers checks runs none.
        from dockerflow_mw.endpoints import endpoints, with_slashes

        served_paths = endpoints(self.settings, self.checks, self)
        self._announcement = Announcement(
            type(self).__name__, app, self.settings, self.checks, served_paths
        )
        door = _door(found)(
            served, self.settings, with_slashes(served_paths), self._announcement
        )
        if found == "asgi":
            # asgiref's hint: an ASGI 2 application inside may have set the other one.
            self._asgi_single_callable = True
        # Called for every request, and by nothing of ours before it.
        self.__class__ = _called_as(door, type(self))
        # Else Python 3.11 leaves out the first parameter.
        self.__signature__ = inspect.signature(door)

    if TYPE_CHECKING:

        @overload
        def __call__(
            self, environ: WSGIEnvironment, start_response: StartResponse, /
        ) -> Iterable[bytes]: ...
        @overload
        def __call__(
            self, scope: Scope, receive: Receive, send: Send, /
        ) -> Awaitable[None]: ...
        def __call__(self, *args: Any) -> Any:
            """Serve a request, as a WSGI or as an ASGI application."""

    def __getattr__(self, name: str) -> Any:
        # Double underscores are how tools ask what an object is; the answer must
        # be this object's own.
        if name == "app" or name.startswith("__"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.")
        return getattr(self.app, name)

    def __repr__(self) -> str:
        return str(self._announcement)


def _door(interface: str) -> Callable[..., Any]:
    # Imported here, because a process serves one interface and has no use for the
    # other.
    if interface == "wsgi":
        from dockerflow_mw.protocols.wsgi import WSGIMiddleware

        return WSGIMiddleware
    from dockerflow_mw.protocols.asgi import ASGIMiddleware

    return ASGIMiddleware


def _called_as(door: Any, cls: type[Any]) -> type[Any]:
    # Python and servers look for __call__ at the class, and servers whether it is an
    # async one; to the user, the class is still the one that was called. So it is where
    # that one was made here as well, by an object that makes others of its class.
    cls = vars(cls).get("_plain", cls)
    served = type("_Served", (), {"__call__": staticmethod(door.__call__)})
    names: dict[str, Any] = {"__module__": cls.__module__, "__doc__": cls.__doc__}
    names |= {"__qualname__": cls.__qualname__, "_plain": cls}
    return type(cls.__name__, (cls, served), names)
