"""Reads the values of settings, from Python and from the environment alike.

But for `setting`, each function takes what was given and returns the value in its
final form. Of what cannot be used, it raises a ValueError, `Refused` where there is
more to say.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")

A_YEAR = 366 * 24 * 3600.0

# Shorter words are more likely misspelt policies than secrets.
MINIMAL_TOKEN_LENGTH = 16

_WORDS = {"1": True, "true": True, "yes": True, "on": True}
_WORDS |= {"0": False, "false": False, "no": False, "off": False}

# The values of the levels in dockerflow_mw.checks that a heartbeat can fail from.
_FAIL_LEVELS = {"warning": 30, "error": 40, "critical": 50}

# RFC 9110, section 5.1: a field name is a token (section 5.6.2).
_TOKEN_CHARACTERS = (
    "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)


class SettingsError(ValueError):
    """A setting has a value that cannot be used; its text is one sentence."""


class Refused(ValueError):
    """A value cannot be used for the reason given."""


def setting(
    label: str,
    value: object,
    read: Callable[[object], T],
    allowed: str,
    *,
    secret: bool = False,
) -> T:
    """Read the value of a setting with one of the functions of this module.

    Args:
        label: what the setting is called where it was made.
        value: what was given.
        read: the function that reads it.
        allowed: what is allowed, for people.
        secret: whether the value must not be shown.

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


def boolean(value: object) -> bool:
    """Read ``true`` or ``false``, ``yes`` or ``no``, ``on`` or ``off``, 1 or 0."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, (str, int)) else ""
    if word not in _WORDS:
        raise ValueError
    return _WORDS[word]


def positive_number(value: object) -> int:
    """Read a whole number from 1."""
    if isinstance(value, bool) or not isinstance(value, (int, str)) or int(value) < 1:
        raise ValueError
    return int(value)


def server_error_status(value: object) -> int:
    """Read an HTTP status from 500 to 599."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError
    status = int(value)
    if not 500 <= status <= 599:
        raise ValueError
    return status


def seconds(value: object) -> float:
    """Read a duration in seconds, which may be 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError
    duration = float(value)
    if not 0 <= duration <= A_YEAR:
        raise ValueError
    return duration


def positive_seconds(value: object) -> float:
    """Read a duration in seconds above 0."""
    duration = seconds(value)
    if not duration:
        raise ValueError
    return duration


def fail_level(value: object) -> int:
    """Read the level from which on a check fails, as a word or as its number."""
    if isinstance(value, str):
        word = value.strip().lower()
        value = int(word) if word.isdecimal() else _FAIL_LEVELS.get(word)
    if isinstance(value, int) and value in _FAIL_LEVELS.values():
        return value
    raise ValueError


def details(value: object) -> str | Callable[..., bool]:
    """Read the policy of who sees the details of a heartbeat."""
    if value in ("full", "status") or callable(value):
        return value
    return _token(value)


def optional_token(value: object) -> str | None:
    """Read a bearer token, or None."""
    return None if value is None else _token(value)


def _token(value: object) -> str:
    if isinstance(value, str) and value.isascii():
        # Secrets that come in files end with a newline.
        token = value.strip()
        if len(token) >= MINIMAL_TOKEN_LENGTH:
            return token
    raise ValueError


def fraction(value: object) -> float:
    """Read a number above 0 and up to 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError
    read = float(value)
    if not 0 < read <= 1:
        raise ValueError
    return read


def one_of(*words: str) -> Callable[[object], str]:
    """Make a function that reads one of some words."""

    def word(value: object) -> str:
        if not isinstance(value, str) or value.strip().lower() not in words:
            raise ValueError
        return value.strip().lower()

    return word


def paths(value: object) -> tuple[str, ...]:
    """Read a list of paths, where ``*`` at the end of one stands for what follows."""
    read = names(value)
    if not all(path.startswith("/") for path in read):
        raise ValueError
    return read


def status_levels(value: object) -> tuple[tuple[int, int], ...]:
    """Read levels of logging by status or class of statuses: ``404=debug,4xx=warning``.

    Returns:
        Pairs of a status, or of its first digit alone, and a level.
    """
    if isinstance(value, str):
        value = dict(part.split("=") for part in items(value))
    if value is None:
        return ()
    if not isinstance(value, Mapping):
        raise ValueError
    return tuple((_status(key), _log_level(level)) for key, level in value.items())


def _status(value: object) -> int:
    text = str(value).strip().lower()
    if text.endswith("xx"):
        text = text.removesuffix("xx")
        valid = range(1, 6)
    else:
        valid = range(100, 600)
    status = int(text)
    if status not in valid:
        raise ValueError
    return status


def _log_level(value: object) -> int:
    if isinstance(value, str):
        value = logging.getLevelNamesMapping().get(value.strip().upper())
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ValueError
    return value


def items(value: object) -> tuple[Any, ...]:
    """Read a list, whose items stand between commas where it is a string."""
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(item for part in value.split(",") if (item := part.strip()))
    if isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping)):
        return tuple(value)
    raise ValueError


def names(value: object) -> tuple[str, ...]:
    """Read a list of names."""
    read = items(value)
    if not all(isinstance(name, str) and name.strip() for name in read):
        raise ValueError
    return read


def header_names(value: object) -> tuple[str, ...]:
    """Read a list of names of HTTP headers; ``none`` is the empty one."""
    if isinstance(value, str) and value.strip().lower() == "none":
        return ()
    read = names(value)
    if any(name.strip(_TOKEN_CHARACTERS) for name in read):
        raise ValueError
    return read


def groups(
    value: object, *, taken: Iterable[str] = ()
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Read paths with names of checks: a mapping, or ``/a=x,y;/b=z``.

    Args:
        value: what was given.
        taken: paths that are not free.
    """
    pairs = _group_pairs(value)
    read = tuple((path, names(checks)) for path, checks in pairs)
    for path, checks in read:
        if not isinstance(path, str) or not path.startswith("/") or path.endswith("/"):
            raise Refused(f"{path!r} is no path that begins and does not end with /")
        if "?" in path or "#" in path:
            raise Refused(f"{path!r} is more than a path")
        if path in taken or [p for p, _ in pairs].count(path) > 1:
            raise Refused(f"the path {path!r} is taken already")
        if not checks:
            raise Refused(f"the path {path!r} has no checks")
    return read


def _group_pairs(value: object) -> list[tuple[Any, Any]]:
    if isinstance(value, str):
        parts = [part.partition("=") for part in value.split(";") if part.strip()]
        return [(path.strip(), checks) for path, _, checks in parts]
    if isinstance(value, Mapping):
        return list(value.items())
    if value is None:
        return []
    raise ValueError


def function(value: object) -> Callable[..., Any]:
    """Read a callable, or import it from its dotted path."""
    if isinstance(value, str):
        # Most settings have no dotted path in them.
        from pkgutil import resolve_name

        try:
            value = resolve_name(value)
        except (ImportError, AttributeError) as error:
            raise Refused(str(error)) from error
    if not callable(value):
        raise ValueError
    return value


def optional_function(value: object) -> Callable[..., Any] | None:
    """Read a callable, its dotted path, or None."""
    return None if value is None else function(value)


def functions(value: object) -> tuple[Callable[..., Any], ...]:
    """Read a list of callables or of their dotted paths."""
    return tuple(function(item) for item in items(value))


def optional_path(value: object) -> Path | None:
    """Read the path of a file or of a folder, or None."""
    if value is None:
        return None
    if isinstance(value, (str, os.PathLike)):
        # Without a middleware, there is nothing that needs it.
        from pathlib import Path

        return Path(value)
    raise ValueError
