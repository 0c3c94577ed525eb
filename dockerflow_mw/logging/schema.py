"""Makes an object a valid mozlog line: without nulls, strict, and not too long.

The rule is that of the mozlog 2.0 JSON Schema; the ends of the pipeline differ in how
much of it they ask for.
"""

from __future__ import annotations

from typing import Any

from dockerflow_mw.logging.encoding import encode, free_name, plain, safe_str

Line = dict[str, Any]

# What a name of a field may be long where a line has to be made shorter.
_MAX_NAME = 64
_MIN_TEXT = 16

# What a line is read for, how much of each of these stays, and what Google Cloud reads.
_TELLING = ("msg", "error", "code", "rid", "path", "method")
_TELLING_TEXT = 64
_CLOUD = ("severity", "message", "time")
_CUT = "..."
_KEPT_WHOLE = frozenset({"EnvVersion", "Fields", "Hostname"})

_HOST_CHARACTERS = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."
)


def without_nulls(line: Line) -> Line:
    """Leave out what is null, and ``Fields`` when nothing is in them."""
    fields = line.get("Fields")
    if isinstance(fields, dict):
        # Not "None in", which asks each value whether it is equal.
        line["Fields"] = _there(fields) or None
    return _there(line)


def _there(values: Line) -> Line:
    return {name: value for name, value in values.items() if value is not None}


def strict(line: Line) -> Line:
    """Make an object valid under the mozlog JSON Schema, which asks for flat fields."""
    copy = plain(line)
    valid = {name: read(copy[name]) for name, read in _ENVELOPE.items() if name in copy}
    others = {k: v for k, v in copy.items() if k not in valid and k != "Fields"}
    fields: Line = {}
    _flatten("", copy.get("Fields"), fields)
    return without_nulls({**valid, **others, "Fields": fields})


def _flatten(prefix: str, value: Any, into: Line) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            _flatten(f"{prefix}.{name}" if prefix else name, item, into)
        return
    if value is None:
        return
    name = free_name(prefix, into)
    into[name] = _homogeneous(value) if isinstance(value, list) else value


def _homogeneous(items: list[Any]) -> list[Any] | str:
    kinds = {_kind(item) for item in items}
    if len(kinds) == 1 and None not in kinds:
        return items
    return [item if isinstance(item, str) else encode(item) for item in items] or "[]"


def _kind(value: object) -> str | None:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "string" if isinstance(value, str) else None


def _not_negative(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        return None
    return int(value)


def _severity(value: object) -> int | None:
    number = _not_negative(value)
    return None if number is None else min(number, 7)


def _host(value: object) -> str | None:
    # RFC 1123, section 2.1, which the schema's format "hostname" stands for.
    text = safe_str(value)
    kept = "".join(c if c in _HOST_CHARACTERS else "-" for c in text)
    labels = [label[:63].strip("-") for label in kept[:253].split(".")]
    return ".".join(label for label in labels if label) or None


def _version(value: object) -> str:
    parts = safe_str(value).split(".")
    valid = len(parts) <= 3 and all(p.isascii() and p.isdecimal() for p in parts)
    return ".".join(parts) if valid else "2.0"


_ENVELOPE = {
    "Timestamp": lambda value: _not_negative(value) or 0,
    "Type": safe_str,
    "Logger": safe_str,
    "Hostname": _host,
    "EnvVersion": _version,
    "Severity": _severity,
    "Pid": _not_negative,
}


def fitted(line: Line, max_bytes: int) -> str:
    """Give the JSON of an object in at most so many bytes, the longest texts cut first.

    ``"truncated": true`` in the fields says that something was cut.

    Args:
        line: the object.
        max_bytes: how long the text may be as UTF-8.
    """
    copy = plain(line)
    fields = copy.get("Fields")
    if not isinstance(fields, dict):
        fields = copy["Fields"] = {} if fields is None else {"value": fields}
    fields["truncated"] = True
    for place in (copy, fields):
        _shorten_names(place)
    limit = max_bytes
    while limit > _MIN_TEXT:
        text = encode(copy)
        if len(text.encode()) <= max_bytes:
            return text
        limit = limit * 3 // 4
        for place in (copy, fields):
            _shorten_texts(place, limit)
    return _bare(copy, max_bytes)


def _shorten_names(place: Line) -> None:
    for name in [name for name in place if len(name) > _MAX_NAME]:
        place[free_name(name[: _MAX_NAME - len(_CUT)] + _CUT, place)] = place.pop(name)


def _shorten_texts(place: Line, limit: int) -> None:
    for name, value in place.items():
        if name in _KEPT_WHOLE or isinstance(value, (bool, int, float)):
            continue
        text = value if isinstance(value, str) else encode(value)
        kept = max(limit, _TELLING_TEXT) if name in _TELLING else limit
        if len(encode(text)) > kept:
            place[name] = _cut(text, kept)


def _cut(text: str, limit: int) -> str:
    # Encoded, a character may be six bytes long, or twelve.
    kept = text[: max(limit - len(_CUT), 0)]
    while kept and len(encode(kept).encode()) > limit:
        kept = kept[: len(kept) * 3 // 4]
    return kept + _CUT


def _bare(line: Line, max_bytes: int) -> str:
    # So many fields that even without their texts they are too long.
    kept: Line = {"truncated": True}
    envelope = {name: line[name] for name in (*_ENVELOPE, *_CLOUD) if name in line}
    bare = envelope | {"Fields": kept}
    fields = line["Fields"]
    telling = {name: fields[name] for name in _TELLING if name in fields}
    left = max_bytes
    for name, value in (telling | fields).items():
        left -= len(encode({name: value}).encode())
        if left < 0:
            break
        kept[name] = value
    while len(encode(bare).encode()) > max_bytes and len(kept) > 1:
        kept.popitem()
    return encode(bare)
