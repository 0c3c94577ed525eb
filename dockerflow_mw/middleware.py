"""`DockerflowMiddleware`: Dockerflow for any WSGI or ASGI application.

In ``wsgi.py`` or ``asgi.py``, around the application and all other middleware::

    from dockerflow_mw import DockerflowMiddleware

    application = DockerflowMiddleware(application)

The middleware answers ``/__version__``, ``/__heartbeat__`` and ``/__lbheartbeat__``
before host checks, redirects, sessions and authentication can interfere. All other
requests go to the application. Each request leaves one ``request.summary`` record,
unless the settings leave it out.

Register checks on the middleware::

    @application.check
    def database():
        with engine.connect() as connection:
            connection.execute(text("select 1"))
"""

from __future__ import annotations

import contextlib
import inspect
from typing import Any, Unpack

from dockerflow_mw.checks.run import Around
from dockerflow_mw.logging.encoding import safe_repr
from dockerflow_mw.protocols.detect import Interface, resolve
from dockerflow_mw.service import Service
from dockerflow_mw.settings import Options, Settings

__all__ = ["DockerflowMiddleware"]


class DockerflowMiddleware:
    """A middleware around a WSGI or ASGI application, with the same protocol.

    If an attribute is unknown, that of the wrapped application is returned.

    Args:
        app: a WSGI, ASGI 3 or ASGI 2 application.
        interface: the protocol, ``"wsgi"`` or ``"asgi"``. Set it if the detection
            fails.
        options: see `dockerflow_mw.settings.Settings`. The ``DOCKERFLOW_*`` environment
            variables replace options that are not passed.

    Attributes:
        app: the wrapped application.
        check: the decorator that registers a check on this middleware; see
            `dockerflow_mw.checks.Registry.register`.
        checks: the registry of the checks of this middleware.
        service: the settings, checks and endpoints as one object.
        settings: the current settings.

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
            app,
            Settings.load(options),
            name=type(self).__name__,
            sender=self,
            around=_context_of(app, protocol),
        )
        self.service.load()
        self.settings = self.service.settings
        self.checks = self.service.checks
        self.check = self.service.check
        self._serve = _middleware_class(protocol)(application, self.service)
        # Servers inspect `app.__call__` for a coroutine function. The method of the
        # class is none, so shadow it for them. A call still uses the class.
        vars(self)["__call__"] = self._serve.__call__
        if protocol == "asgi":
            # asgiref would read the mark of a wrapped ASGI 2 application instead.
            self._asgi_single_callable = True
        self.__signature__ = inspect.signature(self._serve)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Pass the call to the middleware of the protocol."""
        return self._serve(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        # Inspection by special names would describe the application instead. Before
        # `app` is set, its look-up would recurse.
        if name == "app" or name.startswith("__"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.")
        return getattr(self.app, name)

    def __repr__(self) -> str:
        return repr(self.service)


def _context_of(app: Any, protocol: str) -> Around:
    # The extensions of Flask, such as Flask-SQLAlchemy, need its application context.
    if protocol == "wsgi" and callable(getattr(app, "app_context", None)):
        context: Around = app.app_context
        return context
    return contextlib.nullcontext


def _middleware_class(protocol: str) -> Any:
    # A WSGI process does not load the ASGI code, nor the other way round.
    if protocol == "wsgi":
        from dockerflow_mw.protocols.wsgi import WSGIMiddleware

        return WSGIMiddleware
    from dockerflow_mw.protocols.asgi import ASGIMiddleware

    return ASGIMiddleware
