"""The settings of a middleware, their defaults, and the sources of their values."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self, TypedDict

from dockerflow_mw.request_id import DEFAULT_HEADER_NAME, TRACE_HEADERS
from dockerflow_mw.settings import readers
from dockerflow_mw.settings.readers import SettingsError

__all__ = ["Options", "Settings", "from_attributes", "variable_of"]

_BOOLEAN = "true or false"
_CALLABLE = "a callable or the dotted path of one"
_SECONDS = "a number of seconds, 0 or more"
_POSITIVE_SECONDS = "a number of seconds above 0"
_TOKEN = "a token of at least 16 characters"


def _option(
    default: object,
    read: Callable[[object], Any],
    allowed: str,
    *,
    secret: bool = False,
) -> Any:
    metadata = {"read": read, "allowed": allowed, "secret": secret}
    return dataclasses.field(default=default, metadata=metadata, repr=not secret)


class Options(TypedDict, total=False):
    """The keyword arguments of ``DockerflowMiddleware``, with the callers' types."""

    cache_seconds: float | str
    check_timeout: float | str
    checks: str | Iterable[Callable[..., Any] | str]
    configure_logging: bool | str
    details: str | Callable[..., bool]
    echo_request_id: bool | str
    error_endpoint: bool | str
    error_token: str | None
    exclude_paths: str | Iterable[str]
    fail_level: int | str
    groups: str | Mapping[str, str | Iterable[str]] | None
    heartbeat_deadline: float | str
    heartbeat_failed_status_code: int | str
    log_probes: str
    log_repeat_seconds: float | str
    request_id_header_name: str | Iterable[str] | None
    sample: float | str
    silenced_checks: str | Iterable[str]
    slow_seconds: float | str
    summary_levels: str | Mapping[int | str, int | str] | None
    summary_load_user: bool | str
    summary_log_querystring: bool | str
    summary_log_websockets: bool | str
    system_checks: bool | str
    version_callback: Callable[..., Any] | str | None
    version_path: str | os.PathLike[str] | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The checked settings of a middleware, in their final form.

    Every attribute is a keyword argument of ``DockerflowMiddleware``. Every attribute
    is an environment variable as well, in capitals behind ``DOCKERFLOW_``. In the
    environment, commas separate the items of a list. An empty variable counts as not
    set.
    """

    cache_seconds: float = _option(0.0, readers.seconds, _SECONDS)
    """How long further probes use the result of a check again, in seconds."""

    check_timeout: float = _option(4.0, readers.positive_seconds, _POSITIVE_SECONDS)
    """The time after which a check counts as late, in seconds."""

    checks: tuple[Callable[..., Any], ...] = _option(
        (), readers.functions, "callables or their dotted paths, separated by commas"
    )
    """Checks to register at start-up."""

    configure_logging: bool = _option(False, readers.boolean, _BOOLEAN)
    """True to set the root logger up for JSON lines on stdout."""

    details: str | Callable[..., bool] = _option(
        "full", readers.details, f"full, status, a callable, or {_TOKEN}", secret=True
    )
    """The policy for the details of a heartbeat. ``"full"`` shows the details to every
    client, ``"status"`` to none. A callable decides for each request. Any other text
    is the bearer token of the clients that see the details."""

    echo_request_id: bool = _option(False, readers.boolean, _BOOLEAN)
    """True to add the request id to every response, in a header."""

    error_endpoint: bool = _option(False, readers.boolean, _BOOLEAN)
    """True to serve ``/__error__``, which raises to test error reporting."""

    error_token: str | None = _option(None, readers.optional_token, _TOKEN, secret=True)
    """The bearer token that ``/__error__`` requires; None requires no token."""

    exclude_paths: tuple[str, ...] = _option(
        (), readers.paths, "paths that begin with /, and may end with *, with commas"
    )
    """Paths whose requests leave no summary unless they fail. A ``*`` at the end of a
    path stands for any rest."""

    fail_level: int = _option(40, readers.fail_level, "warning, error or critical")
    """The lowest level at which a check fails the heartbeat."""

    groups: tuple[tuple[str, tuple[str, ...]], ...] = _option(
        (),
        readers.groups,
        "paths, each with names or tags of checks, as /__ready__=database,cache",
    )
    """Further heartbeat paths, each with some of the checks. In the environment, ``;``
    separates groups."""

    heartbeat_deadline: float = _option(
        4.5, readers.positive_seconds, _POSITIVE_SECONDS
    )
    """The time limit of a whole heartbeat, in seconds. Load balancers commonly wait
    for 5 seconds; the default answers before."""

    heartbeat_failed_status_code: int = _option(
        500, readers.server_error_status, "a whole number from 500 to 599"
    )
    """The status of a failed heartbeat."""

    log_probes: str = _option("failures", readers.log_probes, "failures, all or none")
    """The requests for the middleware's own paths that leave a summary. A failure is a
    response with a status of 400 or more."""

    log_repeat_seconds: float = _option(300.0, readers.seconds, _SECONDS)
    """The time after which the log repeats an unchanged failure, in seconds."""

    request_id_header_name: tuple[str, ...] = _option(
        (DEFAULT_HEADER_NAME,),
        readers.header_names,
        "names of HTTP headers, separated by commas, or none",
    )
    """The request headers that may carry the request id. The first header with an
    acceptable id counts."""

    sample: float = _option(1.0, readers.fraction, "a number above 0 and up to 1")
    """The fraction of the summaries to log, each with its ``sample_rate``. Summaries of
    slow requests, failures and warnings are always logged."""

    silenced_checks: tuple[str, ...] = _option(
        (), readers.names, "ids of check messages, separated by commas"
    )
    """Ids of check messages that never count."""

    slow_seconds: float = _option(1.0, readers.seconds, _SECONDS)
    """The duration from which a request counts as slow for ``sample``, in seconds."""

    summary_levels: tuple[tuple[int, int], ...] = _option(
        (), readers.status_levels, "levels by status, as 404=debug,4xx=warning"
    )
    """Log levels of summaries by status, or by class of statuses. The default is
    ``INFO`` below 500 and for failed heartbeats, and ``ERROR`` from 500."""

    summary_load_user: bool = _option(False, readers.boolean, _BOOLEAN)
    """True to load the user for the summary's ``uid``, in Django and with Flask-Login,
    which may cost a query per request. By default, ``uid`` is the user that the
    application loaded."""

    summary_log_querystring: bool = _option(False, readers.boolean, _BOOLEAN)
    """True to log the query string in the summary, with credentials masked."""

    summary_log_websockets: bool = _option(False, readers.boolean, _BOOLEAN)
    """True to log a summary when a websocket closes."""

    system_checks: bool = _option(False, readers.boolean, _BOOLEAN)
    """True to run Django's system checks at each heartbeat, in Django's adapter."""

    version_callback: Callable[..., Any] | None = _option(
        None, readers.optional_function, _CALLABLE
    )
    """A callable that takes the version's folder and returns the version object. Each
    ``/__version__`` calls it."""

    version_path: Path | None = _option(
        None, readers.optional_path, "the path of a version.json file or of its folder"
    )
    """The path of version.json or of its folder. The default is ``/app``, then the
    working directory."""

    @property
    def response_header_name(self) -> str | None:
        """The response header that carries the request id; None for no header."""
        if not self.echo_request_id:
            return None
        own = (n for n in self.request_id_header_name if n.lower() not in TRACE_HEADERS)
        return next(own, DEFAULT_HEADER_NAME)

    def changed(self) -> dict[str, str]:
        """Return the settings that differ from the defaults, secrets hidden."""
        return {
            field.name: _shown(value, secret=field.metadata["secret"])
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) != field.default
        }

    @classmethod
    def load(
        cls, options: Mapping[str, object], *sources: Mapping[str, object]
    ) -> Self:
        """Return the settings from keyword arguments and other sources.

        Args:
            options: values by attribute name.
            sources: values by variable name; an earlier source goes before a later one.
                The default is the environment. None and the empty string count as not
                set.

        Raises:
            SettingsError: an option is unknown, or a value is not allowed.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name in options:
            if name not in fields:
                raise SettingsError(_unknown(name, list(fields)))
        values = {}
        for name, field in fields.items():
            found = _find(name, options, sources or (os.environ,))
            if found is not None:
                values[name] = readers.setting(*found, **field.metadata)
        return cls(**values)


def variable_of(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"DOCKERFLOW_{name.upper()}"


def from_attributes(holder: object) -> dict[str, object]:
    """Return the ``DOCKERFLOW_*`` attributes of an object, as a source of settings."""
    variables = [variable_of(field.name) for field in dataclasses.fields(Settings)]
    return {name: getattr(holder, name, None) for name in variables}


def _find(
    name: str, options: Mapping[str, object], sources: Iterable[Mapping[str, object]]
) -> tuple[str, object] | None:
    if name in options:
        return name, options[name]
    variable = variable_of(name)
    for source in sources:
        if (value := source.get(variable)) not in (None, ""):
            return variable, value
    return None


def _shown(value: object, *, secret: bool) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_shown(item, secret=secret) for item in value)})"
    if callable(value):
        # The repr holds an address, which differs in each process.
        return str(getattr(value, "__qualname__", type(value).__qualname__))
    return "a token" if secret and value not in ("full", "status") else repr(value)


def _unknown(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    advice = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}."
    return f"{name} is not a setting of DockerflowMiddleware; {advice}"
