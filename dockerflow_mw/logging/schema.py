"""Makes an object a mozlog line: without nulls, valid if strict, and short enough.

Source: the JSON Schema of mozlog 2.0.
"""

from __future__ import annotations

import re
from typing import Any

from dockerflow_mw.logging.encoding import encode, free_name, plain, safe_str

Line = dict[str, Any]

# The members of mozlog, and those of Google Cloud.
_ENVELOPE = (
    *("Timestamp", "Type", "Logger", "Hostname", "EnvVersion", "Severity", "Pid"),
    *("severity", "message", "time"),
)

# A shortened line keeps at least this much of the fields that its readers search for.
_MAIN_FIELDS = ("msg", "error", "code", "rid", "path", "method")
_MAIN_TEXT = 64
_MIN_TEXT = 16
_KEPT_WHOLE = frozenset({"EnvVersion", "Fields", "Hostname"})

# The end of a traceback is the code that raised, and its start the caller's.
_CUT_IN_THE_MIDDLE = frozenset({"traceback", "stack"})
_CUT = "..."
_CUT_LINE = "\n...\n"


def without_nulls(line: Line) -> Line:
    """Return an object without its null members, and without ``Fields`` if empty."""
    fields = line.get("Fields")
    if isinstance(fields, dict):
        line = line | {"Fields": _not_null(fields) or None}
    return _not_null(line)


def _not_null(members: Line) -> Line:
    # "None in" would compare the values, and a value's comparison may raise.
    return {name: value for name, value in members.items() if value is not None}


def strict(line: Line) -> Line:
    """Return an object that is valid under the mozlog JSON Schema, with flat fields."""
    copy = plain(line)
    fields: Line = {}
    _flatten("", copy.get("Fields"), fields)
    valid = {
        "Type": safe_str(copy.get("Type", "")),
        "Logger": safe_str(copy.get("Logger", "")),
        "Hostname": _host(copy.get("Hostname", "")),
        "Fields": fields,
    }
    return without_nulls(copy | valid)


def _flatten(prefix: str, value: Any, into: Line) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            _flatten(f"{prefix}.{name}" if prefix else name, item, into)
    elif value is not None:
        item = _homogeneous(value) if isinstance(value, list) else value
        into[free_name(prefix, into)] = item


def _homogeneous(items: list[Any]) -> list[Any] | str:
    kinds = {_kind(item) for item in items}
    if len(kinds) == 1 and None not in kinds:
        return items
    return [item if isinstance(item, str) else encode(item) for item in items] or "[]"


def _kind(value: object) -> type | None:
    if isinstance(value, (bool, str)):
        return type(value)
    return float if isinstance(value, (int, float)) else None


def _host(value: object) -> str | None:
    # The schema's format "hostname" is that of RFC 1123, section 2.1.
    text = re.sub("[^a-zA-Z0-9.-]", "-", safe_str(value)[:253])
    labels = [label[:63].strip("-") for label in text.split(".")]
    return ".".join(label for label in labels if label) or None


def encode_line(line: Line, max_bytes: int) -> str:
    """Return the JSON of an object without nulls; shorten the longest texts to fit.

    ``"truncated": true`` in the fields marks a shortened line.

    Args:
        line: the object.
        max_bytes: the length limit of the JSON with a newline, in UTF-8; 0 for none.
    """
    line = without_nulls(line)
    text = encode(line)
    if not max_bytes or len(text.encode()) < max_bytes:
        return text
    copy = plain(line)
    fields = copy.setdefault("Fields", {})
    fields["truncated"] = True
    limit = max_bytes
    while limit > _MIN_TEXT:
        limit = limit * 3 // 4
        _shorten_texts(copy, limit)
        _shorten_texts(fields, limit)
        text = encode(copy)
        if len(text.encode()) < max_bytes:
            return text
    # There are too many fields even with the shortest texts.
    names = [name for name in ("truncated", *_MAIN_FIELDS, *fields) if name in fields]
    short = {name: copy[name] for name in _ENVELOPE if name in copy}
    while len(text.encode()) >= max_bytes and len(names) > 1:
        names = names[: len(names) * 7 // 8]
        text = encode(short | {"Fields": {name: fields[name] for name in names}})
    return text


def _shorten_texts(members: Line, limit: int) -> None:
    for name, value in members.items():
        if name in _KEPT_WHOLE or isinstance(value, (bool, int, float)):
            continue
        text = value if isinstance(value, str) else encode(value)
        kept = max(limit, _MAIN_TEXT) if name in _MAIN_FIELDS else limit
        if len(encode(text)) <= kept:
            continue
        if name in _CUT_IN_THE_MIDDLE:
            half = (kept - len(_CUT_LINE)) // 2
            end = _start(text[::-1], half)[::-1]
            members[name] = _start(text, half) + _CUT_LINE + end
        else:
            members[name] = _start(text, kept - len(_CUT)) + _CUT


def _start(text: str, limit: int) -> str:
    # An encoded character takes up to twelve bytes.
    start = text[: max(limit, 0)]
    while start and len(encode(start).encode()) > limit:
        start = start[: len(start) * 3 // 4]
    return start
