"""Encodes any value as one line of JSON, with orjson if it is installed."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import itertools
import json
import math
import os
import uuid
from collections.abc import Callable, Collection, Container, Iterable, Mapping
from typing import Any

orjson: Any
try:
    import orjson
except ImportError:
    orjson = None

# Values that are nested deeper, and further values, are replaced by a placeholder.
MAX_DEPTH = 32
MAX_VALUES = 20_000
LEFT_OUT = "<left out>"

_ESCAPED = "backslashreplace"


def safe_repr(value: object) -> str:
    """Return the repr of a value, or a placeholder if the repr raises."""
    try:
        return str.__str__(repr(value))
    except Exception as error:
        return f"<{type(value).__name__} whose repr raised {type(error).__name__}>"


def safe_str(value: object) -> str:
    """Return the text of a value, or its `safe_repr` if ``str()`` raises."""
    try:
        return str.__str__(str(value))
    except Exception:
        return safe_repr(value)


def free_name(name: str, taken: Container[str]) -> str:
    """Return the name, with a number appended if the name is taken."""
    free, copies = name, 1
    while free in taken:
        copies += 1
        free = f"{name} ({copies})"
    return free


class SafeJSONEncoder(json.JSONEncoder):
    """A JSON encoder for `json.dumps` that encodes values of any type."""

    def default(self, o: object) -> Any:
        """Return a `plain` copy of a value that JSON cannot represent."""
        return plain(o)


def plain(value: object) -> Any:
    """Return a copy of any value, made of valid JSON values only.

    Times, paths, ids, bytes and numbers that JSON lacks become strings. Dataclasses
    become objects, sets become arrays, and enumerations become their values.
    """
    return _Copier().copy(value, 0)


class _Copier:
    # A walk over one value. The limits also end it if a value contains itself.

    def __init__(self) -> None:
        self._left = MAX_VALUES

    def copy(self, value: Any, depth: int) -> Any:
        self._left -= 1
        try:
            return self._copy(value, depth)
        except Exception as error:
            return f"<{type(value).__name__} that raised {type(error).__name__}>"

    def _copy(self, value: Any, depth: int) -> Any:
        if value is None or value is True or value is False:
            return value
        for kind, convert in _SCALARS:
            if isinstance(value, kind):
                return convert(value)
        if self._left < 0 or depth > MAX_DEPTH:
            return f"<{type(value).__name__}, left out>"
        return self._container(value, depth + 1)

    def _container(self, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping):
            return self._object(value.items(), depth)
        if isinstance(value, (list, tuple, set, frozenset)):
            items = [self.copy(item, depth) for item in self._first(value)]
            return items if len(items) == len(value) else [*items, LEFT_OUT]
        if isinstance(value, enum.Enum):
            return self.copy(value.value, depth)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in dataclasses.fields(value)]
            return self._object([(n, getattr(value, n)) for n in names], depth)
        return _text(safe_repr(value))

    def _object(self, items: Collection[tuple[Any, Any]], depth: int) -> dict[str, Any]:
        copy: dict[str, Any] = {}
        for key, item in self._first(items):
            copy[free_name(_key(key), copy)] = self.copy(item, depth)
        if len(copy) < len(items):
            copy[free_name(LEFT_OUT, copy)] = len(items) - len(copy)
        return copy

    def _first(self, items: Iterable[Any]) -> list[Any]:
        return list(itertools.islice(items, max(self._left, 0)))


def _text(value: str) -> str:
    # The unbound method also turns a subclass into str itself. UTF-8 cannot carry
    # lone surrogates.
    return str.__str__(value).encode(errors=_ESCAPED).decode()


def _integer(value: int) -> int | str:
    # Very long integers have no decimal form, see sys.set_int_max_str_digits().
    number = int.__add__(value, 0)
    return number if number.bit_length() < 2000 else hex(number)


def _float(value: float) -> float | str:
    number = float.__pos__(value)
    return number if math.isfinite(number) else float.__repr__(number)


def _key(key: object) -> str:
    if key is None or isinstance(key, (str, int, float)):
        copy = plain(key)
        return copy if isinstance(copy, str) else json.dumps(copy)
    return _text(safe_repr(key))


_SCALARS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (str, _text),
    (int, _integer),
    (float, _float),
    ((bytes, bytearray, memoryview), lambda v: bytes(v).decode(errors=_ESCAPED)),
    ((datetime.datetime, datetime.date, datetime.time), lambda v: v.isoformat()),
    ((uuid.UUID, decimal.Decimal), str),
    (os.PathLike, lambda v: _text(os.fsdecode(v))),
    (BaseException, lambda v: _text(safe_repr(v))),
)


# A value that contains itself raises RecursionError.
_standard = json.JSONEncoder(
    allow_nan=False, check_circular=False, separators=(",", ":")
)

# plain() copies these types for both encoders, so that the results agree.
_OPTIONS = orjson and (
    orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)


def encode(value: object) -> str:
    """Return the JSON of any value, in one line that UTF-8 can carry."""
    line = encode_without_null(value)
    return _standard.encode(plain(value)) if line is None else line


def encode_without_null(value: object) -> str | None:
    """Return the JSON of a value that is valid as it is and contains no null.

    Return None for other values. orjson encodes NaN as null, and the standard library
    encodes lone surrogates, which UTF-8 cannot carry.
    """
    try:
        # rfind() finds nothing in less time than "in" does.
        if orjson is not None:
            encoded = orjson.dumps(value, None, _OPTIONS)
            return None if encoded.rfind(b"null") >= 0 else encoded.decode()
        line = _standard.encode(value)
        has_surrogates = "\\" in line and "\\ud" in line
        return None if has_surrogates or line.rfind("null") >= 0 else line
    except Exception:
        return None
