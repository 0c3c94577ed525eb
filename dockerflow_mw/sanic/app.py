"""`Dockerflow`: the Sanic extension, for Sanic's own server and for ASGI servers.

It answers ``/__version__``, ``/__heartbeat__`` and ``/__lbheartbeat__`` before the
middleware of the application runs. ``/__error__`` is a view. Each request leaves one
``request.summary`` record, and its id is ``request.ctx.id``.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from typing import Any

from sanic import Request, Sanic

from dockerflow_mw import summary
from dockerflow_mw.extension import Extension
from dockerflow_mw.logging import log_safely
from dockerflow_mw.sanic import checks
from dockerflow_mw.sanic.hooks import Hooks
from dockerflow_mw.settings import Settings
from dockerflow_mw.summary import Summary

__all__ = ["Dockerflow"]


class Dockerflow(Extension):
    """A Sanic extension that adds the Dockerflow endpoints and the request log.

    Settings come from ``app.config``, then from the environment. Their names are those
    of `dockerflow_mw.settings.Settings` in capitals, after ``DOCKERFLOW_``. One
    extension may serve several applications, each with its own settings.

    Args:
        app: the application; without it, call `init_app` later.
        redis: a client of redis.asyncio or a Sanic-Redis object; registers a check of
            its server.
        silenced_checks: ids of check messages that never count.
        version_path: the folder of version.json, or the file; by default that of the
            settings, ``/app`` or the working directory.

    Raises:
        TypeError, ValueError, dockerflow_mw.settings.SettingsError: see `init_app`.
    """

    def __init__(
        self,
        app: Sanic[Any, Any] | None = None,
        redis: object = None,
        silenced_checks: Iterable[str] | None = None,
        version_path: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__("dockerflow.sanic", silenced_checks, version_path)
        if redis is not None:
            self.init_check(checks.check_redis_connected, redis)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Sanic[Any, Any]) -> None:
        """Add the endpoints and the request log to an application before its start.

        The settings are read again at the start, except for ``DOCKERFLOW_CHECKS`` and
        the addition of ``/__error__``.

        Raises:
            TypeError: ``app`` is not a Sanic application.
            ValueError: the application already has the extension.
            dockerflow_mw.settings.SettingsError: a setting is invalid.
        """
        if not isinstance(app, Sanic):
            raise TypeError(f"Dockerflow takes a Sanic application, not {app!r}.")
        if hasattr(app.ctx, "dockerflow_mw"):
            raise ValueError(f"{app!r} has a Dockerflow extension already.")
        service = self.build_service(app, app.config)
        Hooks(app, service, self.get_summary_logger, self._amend).connect()
        app.ctx.dockerflow_mw = self

    def version_root(self, settings: Settings) -> object:
        """Return the argument of the version function, see `Service`."""
        # python-dockerflow's default for version_path is ".".
        default = "." if settings.version_path is None else None
        return self.version_path or default

    def summary_extra(self, request: Request[Any, Any]) -> dict[str, Any]:
        """Return the fields of the request's summary. Override it to change them.

        ``super().summary_extra(request)`` returns the known fields in a new dictionary.
        Added fields are logged, and so are other values of ``uid`` and ``errno``. If
        ``agent``, ``lang``, ``path`` or ``querystring`` is replaced or removed, the
        value that the client sent is not logged. Measured fields stay.
        """
        current = summary.current()
        return {} if current is None else current.as_fields(0)

    def _amend(self, request: Any, unfinished: Summary) -> None:
        extra = self.summary_extra
        # The inherited method changes nothing, at the cost of half of a summary.
        if getattr(extra, "__func__", None) is Dockerflow.summary_extra:
            return
        try:
            unfinished.amend(extra(request))
        except (Exception, SystemExit) as error:
            text = "summary_extra() raised; the summary lacks its fields."
            log_safely(self.logger, logging.ERROR, text, error=error)
