"""Properties of the lines of arbitrary records.

``DOCKERFLOW_TEST_EXAMPLES`` is the number of examples of each test, by default 300.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import logging
import os
import uuid
from pathlib import Path
from typing import Any
from unittest import mock

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dockerflow_mw.logging import MozlogFormatter, encoding
from tests.mozlog_schema import MOZLOG_SCHEMA

EXAMPLES = int(os.environ.get("DOCKERFLOW_TEST_EXAMPLES", "300"))

often = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

VALIDATOR = jsonschema.Draft4Validator(
    MOZLOG_SCHEMA, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER
)


class Unfriendly:
    def __repr__(self) -> str:
        raise RuntimeError

    def __hash__(self) -> int:
        return 1


class Word(enum.StrEnum):
    ONE = "one"


class Number(enum.IntEnum):
    TWO = 2


class Thing(enum.Enum):
    LIST = (1, 2)


@dataclasses.dataclass
class Data:
    left: Any
    right: Any


class Text(str):
    __slots__ = ()


def circular() -> dict[str, Any]:
    made: dict[str, Any] = {}
    made["again"] = [made]
    return made


texts = st.text(st.characters(codec=None))  # with lone surrogates
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(4400).map(lambda digits: 10**digits)
    | st.floats()
    | texts
    | texts.map(Text)
    | st.binary(max_size=20)
    | st.datetimes()
    | st.dates()
    | st.uuids()
    | st.decimals(allow_nan=False)
    | st.sampled_from([Word.ONE, Number.TWO, Thing.LIST, Path("/a"), Ellipsis, int])
    | st.builds(Unfriendly)
    | st.builds(ValueError, texts)
    | st.builds(circular)
)
keys = texts | st.integers() | st.floats() | st.booleans() | st.none() | st.just((1, 2))
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner)
        | st.dictionaries(keys, inner, max_size=4)
        | st.builds(Data, inner, inner)
        | st.frozensets(scalars.filter(lambda v: not isinstance(v, (dict, list))))
    ),
    max_leaves=10,
)
long_texts = st.integers(0, 9_000).map("é".__mul__) | texts
BLANK = {*vars(logging.makeLogRecord({})), "logger_name"}
names = st.text(min_size=1).filter(lambda name: name not in BLANK)


@st.composite
def records(draw: st.DrawFn) -> logging.LogRecord:
    exc_info: Any = draw(
        st.none()
        | st.sampled_from([True, (), (None, None, None), 3, ValueError("v")])
        | st.just((ValueError, ValueError("v"), None))
    )
    made = logging.LogRecord(
        draw(st.text() | st.just("request.summary")),
        draw(st.integers() | st.sampled_from([10, 20, 30, 40, 50])),
        "f.py",
        1,
        draw(long_texts | values),
        draw(st.none() | st.lists(values, max_size=2).map(tuple)),
        exc_info,
        sinfo=draw(st.none() | texts),
    )
    made.created = draw(st.floats() | st.just(made.created))
    extras = draw(st.dictionaries(names, long_texts | values, max_size=6))
    made.__dict__.update(extras)
    if draw(st.booleans()):
        many = draw(st.integers(0, 120))
        made.__dict__.update({f"field_{i}": i for i in range(many)})
    return made


def parsed(line: str) -> dict[str, Any]:
    assert "\n" not in line
    assert "\r" not in line
    value: dict[str, Any] = json.loads(line, parse_constant=pytest.fail)
    line.encode()
    return value


@given(record=records(), max_bytes=st.sampled_from([0, 512, 1000, 8192]))
@often
def test_any_record_becomes_one_line_within_the_limit(
    record: logging.LogRecord, max_bytes: int
) -> None:
    line = MozlogFormatter(max_bytes=max_bytes).format(record)
    value = parsed(line)
    assert not max_bytes or len(line.encode()) + 1 <= max_bytes
    assert value["Logger"] == "Dockerflow"
    assert value.get("Fields") != {}
    assert None not in value.values()


@given(record=records(), max_bytes=st.sampled_from([0, 512, 8192]))
@often
def test_any_strict_line_is_valid_under_the_schema(
    record: logging.LogRecord, max_bytes: int
) -> None:
    formatter = MozlogFormatter(strict=True, max_bytes=max_bytes, severity="gcp")
    VALIDATOR.validate(parsed(formatter.format(record)))


@given(value=values)
@often
@pytest.mark.skipif(encoding.orjson is None, reason="orjson is not installed")
def test_both_encoders_agree(value: Any) -> None:
    with_orjson = parsed(encoding.encode({"value": value}))
    with mock.patch.object(encoding, "orjson", None):
        assert with_orjson == parsed(encoding.encode({"value": value}))


def test_the_schema_is_strict() -> None:
    ok = {"Timestamp": 1, "Fields": {"a": 1, "b": ["c"]}}
    VALIDATOR.validate(ok)
    for bad in (
        {"Fields": {"a": 1}},
        {"Timestamp": 1.5},
        {"Timestamp": 1, "Fields": {}},
        {"Timestamp": 1, "Fields": {"a": None}},
        {"Timestamp": 1, "Fields": {"a": {"b": 1}}},
        {"Timestamp": 1, "Fields": {"a": [1, "b"]}},
        {"Timestamp": 1, "Hostname": "a_b"},
        {"Timestamp": 1, "EnvVersion": "2."},
        {"Timestamp": 1, "Severity": 8},
    ):
        assert not VALIDATOR.is_valid(bad), bad


def test_times_and_ids_have_their_usual_texts() -> None:
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    identity = uuid.UUID(int=1)
    value = {
        **{"a": moment, "b": identity, "c": Path("/x"), "d": Data(1, {2})},
        "e": decimal.Decimal("1.50"),
    }
    assert parsed(encoding.encode(value)) == {
        "a": "2026-01-02T03:04:05+00:00",
        "b": str(identity),
        "c": "/x",
        "d": {"left": 1, "right": [2]},
        "e": "1.50",
    }
