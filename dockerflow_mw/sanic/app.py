"""`Dockerflow`: the Sanic extension.

::

    from sanic import Sanic
    from dockerflow_mw.sanic import Dockerflow

    app = Sanic("service")
    dockerflow = Dockerflow(app)

    @dockerflow.check
    async def storage():
        return await bucket.exists()

It works on Sanic's own server and under an ASGI server. It answers ``/__version__``,
``/__heartbeat__`` and ``/__lbheartbeat__`` before the application's own middleware,
which has a say at ``/__error__`` alone. Every request leaves one ``request.summary``
record, and its id is ``request.ctx.id``.

Sanic's signals tell how a request goes. Where several applications are in one process
under an ASGI server, Sanic removes from its own code the signals that the first of them
has no use for: turn its ``TOUCHUP`` off there, if that one is without this extension.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from sanic import Request, Sanic

from dockerflow_mw import summary
from dockerflow_mw.checks import Registry, default_registry
from dockerflow_mw.sanic import checks
from dockerflow_mw.sanic.door import SanicDoor
from dockerflow_mw.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

# As python-dockerflow has it: a line for each probe, and an error endpoint.
DEFAULTS = {"DOCKERFLOW_LOG_PROBES": "all", "DOCKERFLOW_ERROR_ENDPOINT": True}

WORKING_DIRECTORY = "."

# Of application.ctx.
CTX_NAME = "dockerflow_mw"


class Dockerflow:
    """Adds the Dockerflow endpoints and the request log to Sanic applications.

    What is not an argument is read from ``app.config``, then from the environment,
    under the names of `dockerflow_mw.settings.Settings` in capitals behind
    ``DOCKERFLOW_``. Each application has its own settings and their checks, and all of
    them have the checks that are registered here, and those of the default registry.

    Args:
        app: the application; `init_app` takes it, or others, later.
        redis: a client of redis.asyncio, or a Sanic-Redis object, to check that it
            answers.
        silenced_checks: ids of check messages that never count.
        version_path: the folder of version.json, or the file. In the working
            directory, the default, what the settings say goes before it.

    Attributes:
        check: the decorator that registers a check, with and without arguments; see
            `dockerflow_mw.checks.Registry.register`.
        checks: the registry of the checks that are registered here.
        logger: what is logged with that goes wrong here.
        summary_logger: what the summaries are logged with.

    Raises:
        dockerflow_mw.settings.SettingsError: a setting cannot be used.
    """

    def __init__(
        self,
        app: Sanic[Any, Any] | None = None,
        redis: object = None,
        silenced_checks: Iterable[str] | None = None,
        version_path: str | os.PathLike[str] = WORKING_DIRECTORY,
    ) -> None:
        self.logger = logging.getLogger("dockerflow.sanic")
        self.summary_logger = summary.logger
        self.silenced_checks = silenced_checks
        self.version_path = version_path
        self.version_function: Callable[..., Any] | None = None
        self.checks = Registry(parent=default_registry)
        self.check = self.checks.register
        if redis is not None:
            self.init_check(checks.check_redis_connected, redis)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Sanic[Any, Any]) -> None:
        """Add everything to an application, which has not started yet.

        Settings that come into its config after that are in force as well, if they
        are there when it starts, with the exception of ``DOCKERFLOW_CHECKS``, of
        whether there is ``/__error__`` and of whether the request id is echoed.

        Raises:
            TypeError: it is no application.
            ValueError: the application has the extension already.
            dockerflow_mw.settings.SettingsError: a setting cannot be used.
        """
        if not isinstance(app, Sanic):
            raise TypeError(f"Dockerflow takes a Sanic application, not {app!r}.")
        if hasattr(app.ctx, CTX_NAME):
            raise ValueError(f"{app!r} has a Dockerflow extension already.")
        changed = getattr(self.summary_extra, "__func__", None)
        is_own = changed is Dockerflow.summary_extra
        SanicDoor(self, app, None if is_own else self.summary_extra).open()
        setattr(app.ctx, CTX_NAME, self)

    def settings_of(self, app: Sanic[Any, Any]) -> Settings:
        """Give the settings that an application has now.

        Raises:
            dockerflow_mw.settings.SettingsError: a setting cannot be used.
        """
        given: dict[str, object] = {
            "silenced_checks": self.silenced_checks,
            "version_callback": self.version_function,
        }
        if self.version_path != WORKING_DIRECTORY:
            given["version_path"] = self.version_path
        options = {name: value for name, value in given.items() if value is not None}
        settings = Settings.load(options, app.config, os.environ, DEFAULTS)
        callback, path = settings.version_callback, self.version_path
        is_elsewhere = path == WORKING_DIRECTORY and settings.version_path is not None
        if callback is None or is_elsewhere:
            return settings

        @functools.wraps(callback)
        def version_of(_: object) -> Any:
            return callback(path)

        return dataclasses.replace(settings, version_callback=version_of)

    def init_check(self, check: Callable[..., Any], obj: object) -> Callable[..., Any]:
        """Register a check that is called with an object, under the check's name."""
        return self.checks.register_partial(check, obj)

    def version_callback(self, func: F) -> F:
        """Have a function give the version object.

        It is called with the ``version_path`` as it was given, and may be a coroutine
        function.
        """
        self.version_function = func
        return func

    def summary_extra(self, request: Request[Any, Any]) -> dict[str, Any]:
        """Give the fields of the request's summary; override it to change them.

        ``super().summary_extra(request)`` has what is known so far, in a new
        dictionary. What is added is logged as well, and so are another ``uid`` and
        ``errno``. An ``agent``, ``lang``, ``path`` or ``querystring`` that is replaced
        or left out is not logged as it was sent; what was measured stays.
        """
        record = summary.current()
        return {} if record is None else record.as_fields(0)
