"""Settings: keyword arguments, over ``DOCKERFLOW_*`` variables, over defaults."""

from __future__ import annotations

import dataclasses
import difflib
import os
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self, TypedDict

from dockerflow_mw.request_id import DEFAULT_HEADER_NAME, TRACE_HEADERS

ENVIRONMENT_PREFIX = "DOCKERFLOW_"

# RFC 9110, section 5.1: a field name is a token (section 5.6.2).
_TOKEN_CHARACTERS = (
    "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)


class SettingsError(ValueError):
    """A setting has a value that cannot be used; its text is one sentence."""


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False}
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    raise ValueError


def _server_error_status(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError
    status = int(value)
    if not 500 <= status <= 599:
        raise ValueError
    return status


def _items(value: object) -> tuple[Any, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(item for part in value.split(",") if (item := part.strip()))
    if isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping)):
        return tuple(value)
    raise ValueError


def _names(value: object) -> tuple[str, ...]:
    names = _items(value)
    if not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError
    return names


def _header_names(value: object) -> tuple[str, ...]:
    if isinstance(value, str) and value.strip().lower() == "none":
        return ()
    names = _names(value)
    if any(name.strip(_TOKEN_CHARACTERS) for name in names):
        raise ValueError
    return names


def _callable(value: object) -> Callable[..., Any]:
    if isinstance(value, str):
        try:
            value = pkgutil.resolve_name(value)
        except (ImportError, AttributeError) as error:
            raise ValueError(str(error)) from error
    if not callable(value):
        raise ValueError
    return value


def _optional_callable(value: object) -> Callable[..., Any] | None:
    return None if value is None else _callable(value)


def _callables(value: object) -> tuple[Callable[..., Any], ...]:
    return tuple(_callable(item) for item in _items(value))


def _optional_path(value: object) -> Path | None:
    if value is None:
        return None
    if isinstance(value, (str, os.PathLike)):
        return Path(value)
    raise ValueError


def _option(default: object, parse: Callable[[object], Any], allowed: str) -> Any:
    return dataclasses.field(
        default=default, metadata={"parse": parse, "allowed": allowed}
    )


_A_BOOLEAN = "true or false"
_A_CALLABLE = "a callable or the dotted path of one"


class Options(TypedDict, total=False):
    """The keyword arguments of `DockerflowMiddleware`, as a caller writes them."""

    checks: str | Iterable[Callable[..., Any] | str]
    configure_logging: bool | str
    echo_request_id: bool | str
    error_endpoint: bool | str
    heartbeat_failed_status_code: int | str
    request_id_header_name: str | Iterable[str] | None
    silenced_checks: str | Iterable[str]
    summary_log_querystring: bool | str
    version_callback: Callable[..., Any] | str | None
    version_path: str | os.PathLike[str] | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a middleware was told, checked and in its final form.

    Every attribute is a keyword argument of `DockerflowMiddleware` and, in
    capitals behind ``DOCKERFLOW_``, an environment variable. Lists are written
    with commas in the environment. An empty variable counts as not set.
    """

    checks: tuple[Callable[..., Any], ...] = _option(
        (), _callables, "callables or their dotted paths, separated by commas"
    )
    """Checks to register at start-up."""

    configure_logging: bool = _option(False, _boolean, _A_BOOLEAN)
    """Whether to set the root logger up for JSON lines on stdout."""

    echo_request_id: bool = _option(False, _boolean, _A_BOOLEAN)
    """Whether every response carries the request id in a header."""

    error_endpoint: bool = _option(False, _boolean, _A_BOOLEAN)
    """Whether ``/__error__`` is there and raises, to test error reporting."""

    heartbeat_failed_status_code: int = _option(
        500, _server_error_status, "a whole number from 500 to 599"
    )
    """The status of a heartbeat whose level is error or critical."""

    request_id_header_name: tuple[str, ...] = _option(
        (DEFAULT_HEADER_NAME,),
        _header_names,
        "names of HTTP headers, separated by commas, or none",
    )
    """The request headers to take the request id from, the first that has one."""

    silenced_checks: tuple[str, ...] = _option(
        (), _names, "ids of check messages, separated by commas"
    )
    """Ids of check messages that never count."""

    summary_log_querystring: bool = _option(False, _boolean, _A_BOOLEAN)
    """Whether the request summary holds the query string."""

    version_callback: Callable[..., Any] | None = _option(
        None, _optional_callable, _A_CALLABLE
    )
    """Called with the version's folder at each ``/__version__``; gives the object."""

    version_path: Path | None = _option(
        None, _optional_path, "the path of a version.json file or of its folder"
    )
    """Where version.json is; else the working directory and ``/app`` are tried."""

    @property
    def response_header_name(self) -> str | None:
        """The response header that carries the request id, if there is to be one."""
        if not self.echo_request_id:
            return None
        own = (n for n in self.request_id_header_name if n.lower() not in TRACE_HEADERS)
        return next(own, DEFAULT_HEADER_NAME)

    @classmethod
    def load(
        cls,
        options: Mapping[str, object],
        environment: Mapping[str, str] = os.environ,
    ) -> Self:
        """Make the settings from keyword arguments and the environment.

        Raises:
            SettingsError: an option is unknown, or a value is not allowed.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name in options:
            if name not in fields:
                raise SettingsError(_unknown(name, list(fields)))
        values = {}
        for name, field in fields.items():
            variable = ENVIRONMENT_PREFIX + name.upper()
            if name in options:
                values[name] = _parse(name, options[name], field)
            elif environment.get(variable):
                values[name] = _parse(variable, environment[variable], field)
        return cls(**values)


def _parse(label: str, value: object, field: dataclasses.Field[Any]) -> Any:
    try:
        return field.metadata["parse"](value)
    except (TypeError, ValueError) as error:
        reason = f" ({error})" if isinstance(error.__cause__, Exception) else ""
        allowed = field.metadata["allowed"]
        message = f"{label} is {value!r}{reason}; it must be {allowed}."
        raise SettingsError(message) from error


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    advice = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}."
    return f"{name} is not a setting of DockerflowMiddleware; {advice}"
