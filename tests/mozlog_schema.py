"""The JSON Schema of mozlog 2.0, written after its public description."""

from __future__ import annotations

from typing import Any

_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean"]}

_ARRAY: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "oneOf": [{"items": {"type": kind}} for kind in ("string", "number", "boolean")],
}

_OBJECT: dict[str, Any] = {
    "type": "object",
    "required": ["value"],
    "properties": {
        "value": {"anyOf": [_SCALAR, _ARRAY]},
        "representation": {"type": "string"},
    },
}

MOZLOG_SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    "type": "object",
    "required": ["Timestamp"],
    "properties": {
        "Timestamp": {"type": "integer", "minimum": 0},
        "Type": {"type": "string"},
        "Logger": {"type": "string"},
        "Hostname": {"type": "string", "format": "hostname"},
        "EnvVersion": {"type": "string", "pattern": r"^\d+(?:\.\d+){0,2}$"},
        "Severity": {"type": "integer", "minimum": 0, "maximum": 7},
        "Pid": {"type": "integer", "minimum": 0},
        "Fields": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"anyOf": [_SCALAR, _ARRAY, _OBJECT]},
        },
    },
}
