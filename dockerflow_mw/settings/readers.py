"""Readers: functions that check the value of a setting and return its final form.

A reader takes values from Python and texts from the environment. If a value is not
allowed, the reader raises ValueError, or `Refused` to name the reason.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, TypeVar

T = TypeVar("T")
N = TypeVar("N", bound=float)

A_YEAR = 366 * 24 * 3600.0

# Shorter words are more likely misspelt policies than secrets.
MINIMAL_TOKEN_LENGTH = 16

ENDPOINT_PATHS = ("/__version__", "/__heartbeat__", "/__lbheartbeat__", "/__error__")
_GROUP_PATH = re.compile("/[^?#]*[^/?#]")


class SettingsError(ValueError):
    """An error for a setting whose value is not allowed; its text is one sentence."""


class Refused(ValueError):
    """An error of a reader that names the reason in its text."""


def setting(
    label: str,
    value: object,
    read: Callable[[object], T],
    allowed: str,
    *,
    secret: bool = False,
) -> T:
    """Return the value of a setting as its reader returns it.

    Args:
        label: the name of the setting in an error text.
        value: the value to read.
        read: the reader.
        allowed: the allowed values, in words.
        secret: whether an error text hides the value.

    Raises:
        SettingsError: the value is not allowed.
    """
    try:
        return read(value)
    except (TypeError, ValueError, OverflowError) as error:
        reason = f" ({error})" if isinstance(error, Refused) else ""
        shown = "hidden" if secret else repr(value)
        message = f"{label} is {shown}{reason}; it must be {allowed}."
        raise SettingsError(message) from error


def number(
    kind: type[N],
    *,
    low: float = -math.inf,
    above: float = -math.inf,
    high: float = math.inf,
) -> Callable[[object], N]:
    """Return a reader of numbers: at least `low`, above `above`, at most `high`."""

    def read(value: object) -> N:
        if isinstance(value, bool) or not isinstance(value, (int, str, kind)):
            raise ValueError
        result = kind(value)
        # The comparisons refuse NaN as well.
        if not (low <= result <= high and result > above):
            raise ValueError
        return result

    return read


def choice(words: Mapping[str, T]) -> Callable[[object], T]:
    """Return a reader of words in any letter case, which returns a word's value."""

    def read(value: object) -> T:
        word = str(value).strip().lower() if isinstance(value, (str, int)) else ""
        if word not in words:
            raise ValueError
        return words[word]

    return read


def text(pattern: str) -> Callable[[object], str]:
    """Return a reader of texts that match a pattern as a whole."""
    matches = re.compile(pattern, re.DOTALL).fullmatch

    def read(value: object) -> str:
        if not isinstance(value, str) or not matches(value):
            raise ValueError
        return value

    return read


def listed(read: Callable[[object], T]) -> Callable[[object], tuple[T, ...]]:
    """Return a reader of lists, and of texts with commas between the items."""
    return lambda value: tuple(read(item) for item in _items(value))


def optional(read: Callable[[object], T]) -> Callable[[object], T | None]:
    """Return a reader that accepts None as well."""
    return lambda value: None if value is None else read(value)


def _items(value: object) -> Iterable[object]:
    if value is None:
        return ()
    if isinstance(value, str):
        return [item for part in value.split(",") if (item := part.strip())]
    if isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping)):
        return value
    raise ValueError


def _token(value: object) -> str:
    # Secrets in files end with a newline.
    token = value.strip() if isinstance(value, str) else ""
    if len(token) < MINIMAL_TOKEN_LENGTH or not token.isascii():
        raise ValueError
    return token


def _function(value: object) -> Callable[..., Any]:
    if not isinstance(value, str):
        if not callable(value):
            raise ValueError
        return value
    try:
        found = resolve_name(value)
    except (ImportError, AttributeError, ValueError) as error:
        raise Refused(f"{value} cannot be imported: {error}") from error
    if not callable(found):
        raise Refused(f"{value} is a {type(found).__name__}")
    function: Callable[..., Any] = found
    return function


def _file_path(value: Any) -> Path:
    return Path(value)


positive_number = number(int, low=1)
server_error_status = number(int, low=500, high=599)
seconds = number(float, low=0, high=A_YEAR)
positive_seconds = number(float, above=0, high=A_YEAR)
fraction = number(float, above=0, high=1)

_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True}
_BOOLEANS |= {"false": False, "no": False, "off": False, "0": False}
boolean = choice(_BOOLEANS)

# The values of the levels in dockerflow_mw.checks that fail a heartbeat.
fail_level = choice(
    {"warning": 30, "30": 30, "error": 40, "40": 40, "critical": 50, "50": 50}
)
log_probes = choice({word: word for word in ("failures", "all", "none")})

names = listed(text(r".*\S.*"))
paths = listed(text("/.*"))
functions = listed(_function)
optional_function = optional(_function)
optional_path = optional(_file_path)
optional_token = optional(_token)

# RFC 9110, section 5.1: a field name is a token (section 5.6.2).
_header_names = listed(text("[!#$%&'*+.^_`|~0-9A-Za-z-]+"))


def header_names(value: object) -> tuple[str, ...]:
    """Return names of HTTP headers; the text ``none`` stands for no header."""
    if isinstance(value, str) and value.strip().lower() == "none":
        return ()
    return _header_names(value)


def details(value: object) -> str | Callable[..., bool]:
    """Return the policy for the details of a heartbeat, or its bearer token."""
    if value in ("full", "status") or callable(value):
        return value
    return _token(value)


def status_levels(value: object) -> tuple[tuple[int, int], ...]:
    """Return log levels by status: a mapping, or the text ``404=debug,4xx=warning``.

    A class of statuses, such as ``4xx``, is returned as its first digit.
    """
    pairs = _pairs(value, ",")
    return tuple((_status(status), _log_level(level)) for status, level in pairs)


def _status(value: object) -> int:
    text = str(value).strip().lower()
    if text.endswith("xx"):
        return number(int, low=1, high=5)(text.removesuffix("xx"))
    return number(int, low=100, high=599)(text)


def _log_level(value: object) -> int:
    if isinstance(value, str):
        value = logging.getLevelNamesMapping().get(value.strip().upper())
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ValueError
    return value


def groups(value: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return groups of checks: a mapping, or the text ``/a=x,y;/b=z``."""
    found: dict[str, tuple[str, ...]] = {}
    for path, checks in _pairs(value, ";"):
        if not isinstance(path, str) or not _GROUP_PATH.fullmatch(path):
            raise Refused(
                f"{path!r} must begin with /, not end with /, and hold no ? or #"
            )
        if path in ENDPOINT_PATHS or path in found:
            raise Refused(f"the path {path!r} is taken already")
        found[path] = names(checks)
        if not found[path]:
            raise Refused(f"the path {path!r} has no checks")
    return tuple(found.items())


def _pairs(value: object, separator: str) -> Iterable[tuple[Any, Any]]:
    if value is None:
        return ()
    if isinstance(value, str):
        parts = [part.partition("=") for part in value.split(separator) if part.strip()]
        return [(key.strip(), item) for key, _, item in parts]
    if isinstance(value, Mapping):
        return value.items()
    raise ValueError
