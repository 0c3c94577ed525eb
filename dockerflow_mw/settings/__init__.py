"""Settings: keyword arguments, over ``DOCKERFLOW_*`` variables, over defaults."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self, TypedDict

from dockerflow_mw.request_id import DEFAULT_HEADER_NAME, TRACE_HEADERS
from dockerflow_mw.settings import readers
from dockerflow_mw.settings.readers import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Options", "Settings", "SettingsError"]

ENVIRONMENT_PREFIX = "DOCKERFLOW_"

ENDPOINT_PATHS = ("/__version__", "/__heartbeat__", "/__lbheartbeat__", "/__error__")

_BOOLEAN = "true or false"
_CALLABLE = "a callable or the dotted path of one"
_SECONDS = "a number of seconds, 0 or more"
_POSITIVE_SECONDS = "a number of seconds above 0"


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
    """The keyword arguments of ``DockerflowMiddleware``, as a caller writes them."""

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
    summary_log_querystring: bool | str
    summary_log_websockets: bool | str
    version_callback: Callable[..., Any] | str | None
    version_path: str | os.PathLike[str] | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a middleware was told, checked and in its final form.

    Every attribute is a keyword argument of ``DockerflowMiddleware`` and, in
    capitals behind ``DOCKERFLOW_``, an environment variable. Lists are written
    with commas in the environment. An empty variable counts as not set.
    """

    cache_seconds: float = _option(0.0, readers.seconds, _SECONDS)
    """How long the result of a check serves further probes, in seconds."""

    check_timeout: float = _option(4.0, readers.positive_seconds, _POSITIVE_SECONDS)
    """How long a check may take before it counts as late, in seconds."""

    checks: tuple[Callable[..., Any], ...] = _option(
        (), readers.functions, "callables or their dotted paths, separated by commas"
    )
    """Checks to register at start-up."""

    configure_logging: bool = _option(False, readers.boolean, _BOOLEAN)
    """Whether to set the root logger up for JSON lines on stdout."""

    details: str | Callable[..., bool] = _option(
        "full",
        readers.details,
        "full, status, a callable, or a token of at least 16 characters",
        secret=True,
    )
    """Who sees more of a heartbeat than its status, which is everybody (``"full"``),
    nobody (``"status"``), those requests for which a callable returns true, or those
    that carry the token as a bearer token."""

    echo_request_id: bool = _option(False, readers.boolean, _BOOLEAN)
    """Whether every response carries the request id in a header."""

    error_endpoint: bool = _option(False, readers.boolean, _BOOLEAN)
    """Whether ``/__error__`` is there and raises, to test error reporting."""

    error_token: str | None = _option(
        None,
        readers.optional_token,
        "a token of at least 16 characters",
        secret=True,
    )
    """The bearer token that ``/__error__`` asks for, if there is one."""

    exclude_paths: tuple[str, ...] = _option(
        (), readers.paths, "paths that begin with /, and may end with *, with commas"
    )
    """Paths whose requests leave no summary unless they fail; ``*`` at the end of one
    stands for whatever follows."""

    fail_level: int = _option(40, readers.fail_level, "warning, error or critical")
    """The level from which on a check fails the heartbeat."""

    groups: tuple[tuple[str, tuple[str, ...]], ...] = _option(
        (),
        functools.partial(readers.groups, taken=ENDPOINT_PATHS),
        "paths, each with names or tags of checks, as /__ready__=database,cache",
    )
    """Further paths, each of which answers as the heartbeat does, for some of the
    checks. In the environment, ``;`` stands between groups."""

    heartbeat_deadline: float = _option(
        4.5, readers.positive_seconds, _POSITIVE_SECONDS
    )
    """How long a heartbeat may take in all, in seconds. Load balancers commonly wait
    for five, within which the defaults of this and of ``check_timeout`` answer."""

    heartbeat_failed_status_code: int = _option(
        500, readers.server_error_status, "a whole number from 500 to 599"
    )
    """The status of a heartbeat that failed."""

    log_probes: str = _option(
        "failures",
        readers.one_of("failures", "all", "none"),
        "failures, all or none",
    )
    """Which requests for our own paths leave a summary, which are those that are
    answered with a status from 400 on, all of them, or none."""

    log_repeat_seconds: float = _option(300.0, readers.seconds, _SECONDS)
    """How often the log repeats a failure that does not change, in seconds."""

    request_id_header_name: tuple[str, ...] = _option(
        (DEFAULT_HEADER_NAME,),
        readers.header_names,
        "names of HTTP headers, separated by commas, or none",
    )
    """The request headers to take the request id from, the first that has one."""

    sample: float = _option(1.0, readers.fraction, "a number above 0 and up to 1")
    """Which part of the summaries is logged, each with its ``sample_rate``. Those of
    requests that were slow, failed or are logged as a warning are always there."""

    silenced_checks: tuple[str, ...] = _option(
        (), readers.names, "ids of check messages, separated by commas"
    )
    """Ids of check messages that never count."""

    slow_seconds: float = _option(1.0, readers.seconds, _SECONDS)
    """From when on a request counts as slow where summaries are sampled, in seconds."""

    summary_levels: tuple[tuple[int, int], ...] = _option(
        (), readers.status_levels, "levels by status, as 404=debug,4xx=warning"
    )
    """The levels of summaries by status, or by class of statuses, where they are not
    to be ``INFO`` below 500 and ``ERROR`` from there on."""

    summary_log_querystring: bool = _option(False, readers.boolean, _BOOLEAN)
    """Whether the request summary holds the query string, with credentials masked."""

    summary_log_websockets: bool = _option(False, readers.boolean, _BOOLEAN)
    """Whether a websocket leaves a summary when it is closed."""

    version_callback: Callable[..., Any] | None = _option(
        None, readers.optional_function, _CALLABLE
    )
    """Called with the version's folder at each ``/__version__``; gives the object."""

    version_path: Path | None = _option(
        None, readers.optional_path, "the path of a version.json file or of its folder"
    )
    """Where version.json is; else the working directory and ``/app`` are tried."""

    @property
    def response_header_name(self) -> str | None:
        """The response header that carries the request id, if there is to be one."""
        if not self.echo_request_id:
            return None
        own = (n for n in self.request_id_header_name if n.lower() not in TRACE_HEADERS)
        return next(own, DEFAULT_HEADER_NAME)

    def changed(self) -> dict[str, str]:
        """Give what differs from the defaults, as text, with the secrets hidden."""
        return {
            field.name: _shown(value, secret=field.metadata["secret"])
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) != field.default
        }

    @classmethod
    def load(
        cls, options: Mapping[str, object], *sources: Mapping[str, object]
    ) -> Self:
        """Make the settings from keyword arguments and other sources.

        Args:
            options: values by the names of the attributes.
            sources: values by the names of the environment variables, the first that
                has one first, by default the environment. None and the empty string
                count as no value.

        Raises:
            SettingsError: an option is unknown, or a value is not allowed.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name in options:
            if name not in fields:
                raise SettingsError(_unknown(name, list(fields)))
        values = {}
        for name, field in fields.items():
            variable = variable_of(name)
            if name in options:
                values[name] = _read(name, options[name], field)
                continue
            found = [source.get(variable) for source in sources or (os.environ,)]
            value = next((v for v in found if not (v is None or v == "")), None)
            if value is not None:
                values[name] = _read(variable, value, field)
        return cls(**values)


def variable_of(name: str) -> str:
    """Give the environment variable of a setting."""
    return ENVIRONMENT_PREFIX + name.upper()


def from_attributes(holder: object) -> dict[str, object]:
    """Give the ``DOCKERFLOW_*`` attributes of an object, as a source of settings."""
    variables = [variable_of(field.name) for field in dataclasses.fields(Settings)]
    return {name: getattr(holder, name, None) for name in variables}


def _shown(value: object, *, secret: bool) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_shown(item, secret=secret) for item in value)})"
    if callable(value):
        # Not its repr, whose address is another one in each process.
        return str(getattr(value, "__qualname__", type(value).__qualname__))
    return "a token" if secret and value not in ("full", "status") else repr(value)


def _read(label: str, value: object, field: dataclasses.Field[Any]) -> Any:
    return readers.setting(label, value, **field.metadata)


def _unknown(name: str, known: list[str]) -> str:
    # Only a misspelt name needs it.
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    advice = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}."
    return f"{name} is not a setting of DockerflowMiddleware; {advice}"
