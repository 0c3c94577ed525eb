"""Turns anything into a line of JSON: total, with orjson where it is installed.

Both encoders give lines that parse to the same value. Each is first tried on what is
there, and where that will not do, on a plain copy of it.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import math
import os
import sys
from collections.abc import Callable, Collection, Container, Iterable, Mapping
from typing import Any

orjson: Any
try:
    import orjson
except ImportError:
    orjson = None

# What is nested deeper, or comes after so many values, is only told of.
MAX_DEPTH = 32
MAX_VALUES = 20_000
LEFT_OUT = "<left out>"


def safe_repr(value: object) -> str:
    """Give the repr of anything, also of what has none that works."""
    try:
        return str.__str__(repr(value))
    except Exception as error:
        return f"<{type(value).__name__} whose repr raised {type(error).__name__}>"


def safe_str(value: object) -> str:
    """Give the text of anything, or its repr where it has none that works."""
    try:
        return str.__str__(str(value))
    except Exception:
        return safe_repr(value)


def free_name(name: str, taken: Container[str]) -> str:
    """Give a name, with a number behind it if it is taken already."""
    free, copies = name, 1
    while free in taken:
        copies += 1
        free = f"{name} ({copies})"
    return free


class SafeJSONEncoder(json.JSONEncoder):
    """A JSON encoder for `json.dumps` that knows what to do with any value."""

    def default(self, o: object) -> Any:
        """Give a plain copy of a value that JSON does not know."""
        return plain(o)


def plain(value: object) -> Any:
    """Give a copy that any JSON encoder takes and any parser reads, of anything.

    Numbers that JSON has not become strings, as do times, paths, ids and bytes;
    dataclasses become objects, sets become arrays, and enumerations their values.
    """
    return _Copy().of(value, 0)


def _loaded(module: str, name: str) -> Any:
    # Who has made such a value has loaded its module; nobody else has to.
    kind = getattr(sys.modules.get(module), name, None)
    return kind if isinstance(kind, type) else ()


class _Copy:
    # One walk over a value, which may be as deep, wide and hostile as it likes.

    def __init__(self) -> None:
        self._left = MAX_VALUES
        self._above: set[int] = set()
        self._texts = (_loaded("uuid", "UUID"), _loaded("decimal", "Decimal"))

    def of(self, value: Any, depth: int) -> Any:
        self._left -= 1
        try:
            return self._of(value, depth)
        except Exception as error:
            kind = type(value).__name__
            return f"<{kind} that raised {type(error).__name__}>"

    def _of(self, value: Any, depth: int) -> Any:
        if value is None or value is True or value is False:
            return value
        for kind, convert in _SCALARS:
            if isinstance(value, kind):
                return convert(value)
        if isinstance(value, self._texts):
            return str(value)
        if self._left < 0 or depth > MAX_DEPTH:
            return f"<{type(value).__name__}, left out>"
        if id(value) in self._above:
            return f"<{type(value).__name__} that holds itself>"
        self._above.add(id(value))
        try:
            return self._container(value, depth + 1)
        finally:
            self._above.discard(id(value))

    def _container(self, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping):
            return self._object(value.items(), depth)
        if isinstance(value, (list, tuple, set, frozenset)):
            items = [self.of(item, depth) for item in self._some(value)]
            return items if len(items) == len(value) else [*items, LEFT_OUT]
        if isinstance(value, enum.Enum):
            return self.of(value.value, depth)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in dataclasses.fields(value)]
            return self._object([(n, getattr(value, n)) for n in names], depth)
        return _text(safe_repr(value))

    def _object(self, items: Collection[tuple[Any, Any]], depth: int) -> dict[str, Any]:
        copy: dict[str, Any] = {}
        for key, item in self._some(items):
            copy[free_name(_key(key), copy)] = self.of(item, depth)
        if len(copy) < len(items):
            copy[free_name(LEFT_OUT, copy)] = len(items) - len(copy)
        return copy

    def _some(self, items: Iterable[Any]) -> list[Any]:
        kept: list[Any] = []
        for item in items:
            if len(kept) >= self._left:
                break
            kept.append(item)
        return kept


def _text(value: str) -> str:
    # A copy that is a str itself, and has no half of a surrogate pair, which UTF-8
    # cannot carry.
    return str.__str__(value).encode("utf-8", "backslashreplace").decode()


def _bytes(value: bytes) -> str:
    return bytes(value).decode("utf-8", "backslashreplace")


def _integer(value: int) -> int | str:
    number = int.__add__(value, 0)
    try:
        int.__str__(number)
    except ValueError:
        # Past sys.get_int_max_str_digits() an integer has no decimal form.
        return hex(number)
    return number


def _float(value: float) -> float | str:
    number = float.__pos__(value)
    return number if math.isfinite(number) else float.__repr__(number)


def _key(key: object) -> str:
    if key is None or isinstance(key, bool):
        return _WORDS[key]
    if isinstance(key, int):
        return str(_integer(key))
    if isinstance(key, float):
        return str(_float(key))
    return _text(key if isinstance(key, str) else safe_repr(key))


# As json.dumps writes keys that are no strings.
_WORDS = {None: "null", True: "true", False: "false"}

_SCALARS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (str, _text),
    (int, _integer),
    (float, _float),
    ((bytes, bytearray, memoryview), _bytes),
    ((datetime.datetime, datetime.date, datetime.time), lambda v: v.isoformat()),
    (os.PathLike, lambda v: _text(os.fsdecode(v))),
    (BaseException, lambda v: _text(safe_repr(v))),
)


def _refuse(value: object) -> Any:
    raise TypeError(f"{type(value).__name__} is for the plain copy.")


_standard = json.JSONEncoder(allow_nan=False, default=_refuse, separators=(",", ":"))


def _compiled() -> Callable[[object], str] | None:
    # JSONEncoder.encode makes this very object anew for each value.
    make = getattr(json.encoder, "c_make_encoder", None)
    text = getattr(json.encoder, "encode_basestring_ascii", None)
    if make is None or text is None:
        return None
    chunks = make(None, _refuse, text, None, ":", ",", False, False, False)
    return lambda value: "".join(chunks(value, 0))


_dumps = _compiled() or _standard.encode

_OPTIONS = (
    orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    if orjson
    else 0
)


def _encode_standard(value: object) -> str:
    try:
        line = _standard.encode(value)
    except Exception:
        return _standard.encode(plain(value))
    # An escaped half of a surrogate pair; whole pairs are copied in vain.
    return _standard.encode(plain(value)) if "\\ud" in line else line


def encode(value: object) -> str:
    """Give the JSON of anything, in one line that UTF-8 can carry."""
    if orjson is None:
        return _encode_standard(value)
    try:
        line = orjson.dumps(value, _refuse, _OPTIONS)
    except Exception:
        return _encode_standard(value)
    # To orjson, what is not a number is null.
    return _encode_standard(value) if b"null" in line else line.decode()


def encode_clean(value: object, may_have_nulls: bool = True) -> str | None:
    """Give the JSON of what no copy has to be made of and no null is in, else None."""
    try:
        if orjson is None:
            line = _dumps(value)
            # From the end, which is the faster way in short texts.
            unclean = line.rfind("\\ud") >= 0
            unclean = unclean or (may_have_nulls and line.rfind("null") >= 0)
            return None if unclean else line
        encoded = orjson.dumps(value, _refuse, _OPTIONS)
        unclean = may_have_nulls and encoded.rfind(b"null") >= 0
        return None if unclean else encoded.decode()
    except Exception:
        return None
