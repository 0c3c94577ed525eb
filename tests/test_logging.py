from __future__ import annotations

import io
import itertools
import json
import logging
import logging.config
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockerflow_mw.logging import (
    MozlogFormatter,
    MozlogHandler,
    RequestIdLogFilter,
    SafeJSONEncoder,
    configure_logging,
    get_or_generate_request_id,
    request_id_context,
    safer_format_traceback,
)
from dockerflow_mw.logging.formatter import BLANK_RECORD
from dockerflow_mw.logging.records import make_record

LOGGER = logging.getLogger("request.summary")


def record(
    message: object = "hello %s",
    *args: object,
    level: int = logging.INFO,
    exc_info: Any = None,
    **extra: object,
) -> logging.LogRecord:
    made = logging.LogRecord("tests", level, "f.py", 1, message, args, exc_info)
    made.__dict__.update(extra)
    return made


def formatted(made: logging.LogRecord) -> dict[str, Any]:
    line = MozlogFormatter(logger_name="service").format(made)
    assert "\n" not in line
    parsed: dict[str, Any] = json.loads(line)
    return parsed


class Unfriendly:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __str__(self) -> str:
        raise RuntimeError("no str")


def test_a_line_is_a_mozlog_object() -> None:
    made = record("hello %s", "world", answer=42)
    assert formatted(made) == {
        "Timestamp": int(made.created * 1e9),
        "Type": "tests",
        "Logger": "service",
        "Hostname": MozlogFormatter().hostname,
        "EnvVersion": "2.0",
        "Severity": 6,
        "Pid": made.process,
        "Fields": {"answer": 42, "msg": "hello world"},
    }


@pytest.mark.parametrize(
    ("level", "severity"),
    [(60, 2), (50, 2), (45, 3), (40, 3), (30, 4), (25, 6), (20, 6), (15, 7), (10, 7)],
)
def test_an_unknown_level_has_the_severity_of_the_next_lower_one(
    level: int, severity: int
) -> None:
    assert formatted(record(level=level))["Severity"] == severity


def test_an_exception_is_logged_with_its_repr_and_traceback() -> None:
    try:
        raise ValueError("a\nb")
    except ValueError:
        fields = formatted(record("x", exc_info=sys.exc_info()))["Fields"]
    assert fields["error"] == "ValueError('a\\nb')"
    assert fields["traceback"].startswith("Uncaught exception:\n  File ")
    assert "\nb" not in fields["traceback"]


@pytest.mark.parametrize(
    "exc_info",
    [
        True,
        (None, None, None),
        (),
        "x",
        (1, 2, 3),
        ValueError(),
        (ValueError, None, None),
    ],
    ids=repr,
)
def test_no_exc_info_breaks_the_line(exc_info: Any) -> None:
    assert formatted(record("x", exc_info=exc_info))["Fields"]["msg"] == "x"


def circular() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (10**5000, hex(10**5000)),
        ("\ud800", "\\ud800"),
        (b"\xffa", "\\xffa"),
        ({1}, [1]),
        ({(1, 2): 3}, {"(1, 2)": 3}),
        (Unfriendly(), "<Unfriendly whose repr raised RuntimeError>"),
        ([Unfriendly(), 1.5], ["<Unfriendly whose repr raised RuntimeError>", 1.5]),
    ],
    ids=itertools.count(),
)
def test_values_of_any_type_are_encoded(value: object, written: object) -> None:
    assert formatted(record("x", field=value))["Fields"]["field"] == written


def test_a_cyclic_value_is_cut() -> None:
    assert formatted(record("x", field=circular()))["Fields"]["msg"] == "x"


@pytest.mark.parametrize(
    ("message", "args", "written"),
    [
        ("%s and %s", ("one",), "'%s and %s' % ('one',)"),
        (Unfriendly(), (), "<Unfriendly whose repr raised RuntimeError> % ()"),
    ],
)
def test_a_message_that_cannot_be_formatted_is_logged_with_its_arguments(
    message: object, args: tuple[object, ...], written: str
) -> None:
    assert formatted(record(message, *args))["Fields"]["msg"] == written


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=8,
)


@given(message=st.text(), args=st.tuples(json_values), field=json_values)
def test_any_record_is_one_line_of_json(
    message: str, args: tuple[object, ...], field: object
) -> None:
    line = MozlogFormatter().format(record(message, *args, field=field))
    json.loads(line, parse_constant=pytest.fail)
    assert "\n" not in line


def test_convert_record_can_be_overridden() -> None:
    class Ours(MozlogFormatter):
        logger_name = "ours"

        def __init__(self, fmt: Any = None, datefmt: Any = None, style: Any = "%"):
            super().__init__(fmt, datefmt, style)

        def convert_record(self, record: logging.LogRecord) -> dict[str, Any]:
            return {**super().convert_record(record), "Type": "app.log"}

    parsed = json.loads(Ours("fmt", None, "%").format(record("x")))
    assert (parsed["Logger"], parsed["Type"]) == ("ours", "app.log")


def test_the_encoder_encodes_types_that_json_lacks() -> None:
    assert json.dumps({"a": Unfriendly()}, cls=SafeJSONEncoder) == (
        '{"a": "<Unfriendly whose repr raised RuntimeError>"}'
    )


def test_a_traceback_shows_the_exception_by_its_repr() -> None:
    assert safer_format_traceback(ValueError, ValueError("a\nb"), None) == (
        "Uncaught exception:\n<class 'ValueError'>\nValueError('a\\nb')\n"
    )


def test_the_handler_writes_a_line_a_record_and_never_raises(
    capfd: pytest.CaptureFixture[str],
) -> None:
    stream = io.StringIO()
    handler = MozlogHandler(stream, name="service")
    handler.handle(record("one"))
    assert json.loads(stream.getvalue())["Logger"] == "service"
    assert stream.getvalue().endswith("\n")
    stream.close()
    handler.handle(record("two"))
    handler.handle(record("three"))
    assert handler.dropped == 2
    assert capfd.readouterr().err.count("Log records are lost") == 1


def test_the_filter_adds_the_request_id_and_accepts_every_record() -> None:
    made = record()
    assert RequestIdLogFilter().filter(made) is True
    assert made.rid is None  # type: ignore[attr-defined]
    request_id_context.set("abc")
    try:
        made = record()
        RequestIdLogFilter().filter(made)
        own = record(rid="own")
        RequestIdLogFilter().filter(own)
    finally:
        request_id_context.set(None)
    assert (made.rid, own.rid) == ("abc", "own")  # type: ignore[attr-defined]


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    before = (logger.level, list(logger.handlers))
    yield logger
    logger.setLevel(before[0])
    logger.handlers = before[1]


def test_configure_logging_adds_one_handler_at_most(root: logging.Logger) -> None:
    configure_logging(logger_name="service", level="DEBUG")
    configure_logging()
    ours = [h for h in root.handlers if isinstance(h, MozlogHandler)]
    assert [handler.logger_name for handler in ours] == ["service"]
    assert root.level == logging.DEBUG


def test_dict_config_can_use_the_classes(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"rid": {"()": "dockerflow_mw.logging.RequestIdLogFilter"}},
            "formatters": {
                "json": {
                    "()": "dockerflow_mw.logging.MozlogFormatter",
                    "max_bytes": 4096,
                }
            },
            "handlers": {
                "out": {
                    "class": "dockerflow_mw.logging.MozlogHandler",
                    "name": "service",
                    "stream": "ext://sys.stdout",
                    "filters": ["rid"],
                    "formatter": "json",
                }
            },
            "root": {"handlers": ["out"], "level": "INFO"},
        }
    )
    logging.getLogger("tests").info("hello")
    parsed = json.loads(capsys.readouterr().out)
    assert parsed["Logger"] == "service"
    assert parsed["Fields"] == {"msg": "hello"}


def test_a_closed_stderr_breaks_no_report() -> None:
    code = (
        "import os\nos.close(2)\n"
        "from dockerflow_mw.logging.handler import complain\n"
        "complain('x')\nprint('alive')"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b"alive\n"


class Undecided:
    def __eq__(self, other: object) -> bool:
        raise TypeError("neither equal nor not")

    __hash__ = None  # type: ignore[assignment]


def test_a_value_that_raises_on_comparison_costs_no_other_field() -> None:
    fields = formatted(record("x", user="bob", column=Undecided(), none=None))["Fields"]
    assert (fields["user"], fields["msg"]) == ("bob", "x")
    assert "formatter_error" not in fields


class Hostile(dict[str, int]):
    def items(self) -> Any:
        raise KeyError("no")


def test_a_container_that_raises_costs_no_other_field() -> None:
    fields = formatted(record("x", user="bob", bad=Hostile(a=1)))["Fields"]
    assert (fields["user"], fields["msg"]) == ("bob", "x")


class Odd(MozlogFormatter):
    def __init__(self) -> None:
        pass

    def convert_record(self, record: logging.LogRecord) -> dict[str, Any]:
        return {**super().convert_record(record), "Fields": ["a", "list"]}


@pytest.mark.parametrize("formatter", [Odd(), MozlogFormatter(severity="gcp")])
def test_an_incomplete_record_or_odd_subclass_still_yields_a_line(
    formatter: Any,
) -> None:
    made = record("x")
    del made.created
    assert json.loads(formatter.format(made))["Type"] == "tests"


def test_a_subclass_can_change_severities_and_excluded_attributes() -> None:
    class Subclass(MozlogFormatter):
        SYSLOG_LEVEL_MAP = {**MozlogFormatter.SYSLOG_LEVEL_MAP, 25: 5}
        EXCLUDED_LOGRECORD_ATTRS = MozlogFormatter.EXCLUDED_LOGRECORD_ATTRS | {"secret"}

    line = json.loads(Subclass().format(record("x", level=25, secret=1, shown=2)))
    assert (line["Severity"], line["Fields"]) == (5, {"shown": 2, "msg": "x"})


def test_a_record_can_name_the_logger_of_its_line() -> None:
    assert formatted(record("x", logger_name="mine"))["Logger"] == "mine"


def test_a_traceback_that_is_only_a_text_is_logged() -> None:
    made = record("x")
    made.exc_text = "Traceback: boom"
    assert formatted(made)["Fields"]["traceback"] == "Traceback: boom"


def test_the_main_fields_stay_in_a_shortened_line() -> None:
    many = {f"field_{i}": i for i in range(1200)}
    try:
        raise ValueError("the cause")
    except ValueError:
        made = record("the message", exc_info=sys.exc_info(), **many)
    line = json.loads(MozlogFormatter(severity="gcp").format(made))
    fields = line["Fields"]
    assert (fields["msg"], fields["error"]) == (
        "the message",
        "ValueError('the cause')",
    )
    assert (line["message"], line["severity"]) == ("the message", "INFO")
    assert fields["truncated"] is True


@pytest.mark.parametrize("name", ["traceback", "stack"])
def test_a_long_traceback_loses_its_middle(name: str) -> None:
    lines = [f"  File {number}, 日本 \n" for number in range(2000)]
    made = record("the message")
    setattr(made, name, "".join(lines))
    fields = formatted(made)["Fields"]
    assert fields["msg"] == "the message"
    head, middle, tail = fields[name].partition("\n...\n")
    assert lines[0] in head
    assert middle
    assert tail.endswith(lines[-1])
    assert 0.7 < len(head) / len(tail) < 1.4


def test_the_longest_text_is_shortened_first() -> None:
    fields = formatted(record("x" * 20_000, short="y" * 1000))["Fields"]
    assert fields["short"] == "y" * 1000
    assert fields["msg"].endswith("xxx...")
    assert fields["truncated"] is True


def test_keys_with_the_same_text_stay_different() -> None:
    assert formatted(record("x", d={1: "a", "1": "b", (2,): 0}))["Fields"]["d"] == {
        "1": "a",
        "1 (2)": "b",
        "(2,)": 0,
    }


def test_a_large_value_shows_how_much_is_left_out() -> None:
    line = MozlogFormatter(max_bytes=0).format(
        record("x", d={i: {i} for i in range(30_000)})
    )
    assert json.loads(line)["Fields"]["d"]["<left out>"] > 0


def test_the_message_for_google_cloud_is_a_string() -> None:
    line = json.loads(MozlogFormatter(severity="gcp").format(record({"msg": {"a": 1}})))
    assert line["message"] == '{"a":1}'


summaries = st.fixed_dictionaries(
    {"agent": st.text(), "code": st.integers(), "t": st.integers(0)},
    optional={"uid": st.text(), "more": st.lists(st.floats() | st.none())},
)


@given(fields=summaries, level=st.sampled_from([20, 40]), name=st.text())
def test_a_formatted_line_is_the_converted_record(
    fields: dict[str, Any], level: int, name: str
) -> None:
    class Subclass(MozlogFormatter):
        def convert_record(self, record: logging.LogRecord) -> dict[str, Any]:
            return super().convert_record(record)

    made = make_record(LOGGER, level, "", fields)
    line = MozlogFormatter(logger_name=name).format(made)
    assert json.loads(line) == json.loads(Subclass(logger_name=name).format(made))


@pytest.mark.parametrize("flag", ["logProcesses", "logThreads"])
def test_attributes_that_logging_leaves_out_are_not_in_the_line(
    monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    monkeypatch.setattr(logging, flag, False)
    made = make_record(LOGGER, 20, "", {"path": "/x"})
    assert "null" not in MozlogFormatter().format(made)
    assert formatted(made)["Fields"] == {"path": "/x"}


@pytest.mark.parametrize(
    ("name", "value", "member", "written"),
    [
        ("convert_record", lambda record: {"mine": record.name}, "mine", "tests"),
        ("is_value_jsonlike", lambda value: False, "Fields", {"msg": '{"a": 1}'}),
        (
            "EXCLUDED_LOGRECORD_ATTRS",
            BLANK_RECORD - {"module"},
            "Fields",
            {"module": "f", "a": 1},
        ),
        ("DEFAULT_SYSLOG_LEVEL", 5, "Severity", 5),
        ("SYSLOG_LEVEL_MAP", {0: 1}, "Severity", 1),
        ("LOGGING_FORMAT_VERSION", "3.0", "EnvVersion", "3.0"),
        ("hostname", "other", "Hostname", "other"),
        ("logger_name", "other", "Logger", "other"),
    ],
)
@pytest.mark.parametrize("is_used", [True, False])
def test_a_formatter_can_be_changed_at_any_time(
    name: str, value: object, member: str, written: object, is_used: bool
) -> None:
    formatter, made = MozlogFormatter(), record('{"a": 1}', level=5)
    before = json.loads(formatter.format(made)) if is_used else None
    with mock.patch.object(formatter, name, value):
        assert json.loads(formatter.format(made))[member] == written
    after = json.loads(formatter.format(made))
    assert after[member] != written if member in after else name == "convert_record"
    assert before in (None, after)


def test_made_records_have_the_attributes_of_every_record() -> None:
    blank = logging.LogRecord("request.summary", 20, "", 0, "", (), None)
    made = make_record(LOGGER, 20, "", {})
    times = {"created", "msecs", "relativeCreated"}
    assert vars(made).keys() == vars(blank).keys()
    assert {k: v for k, v in vars(made).items() if k not in times} == {
        k: v for k, v in vars(blank).items() if k not in times
    }


def test_made_records_come_from_the_record_factory() -> None:
    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        made = logging.LogRecord(*args, **kwargs)
        made.tenant = made.code = "acme"
        return made

    logging.setLogRecordFactory(factory)
    try:
        made = make_record(LOGGER, 20, "", {"code": 200})
    finally:
        logging.setLogRecordFactory(logging.LogRecord)
    assert formatted(made)["Fields"] == {"tenant": "acme", "code": 200}


def test_a_made_record_has_arguments_and_an_error() -> None:
    error = ValueError("boom")
    made = make_record(LOGGER, 40, "%s is %s", {}, args=("it", 5), error=error)
    fields = formatted(made)["Fields"]
    assert (fields["msg"], fields["error"]) == ("it is 5", "ValueError('boom')")


class KintoFormatter(MozlogFormatter):
    logger_name = "kintowe"

    def __init__(
        self, fmt: str | None = None, datefmt: str | None = None, style: Any = "%"
    ) -> None:
        super().__init__(fmt, datefmt, style)


def test_a10_kinto_has_the_library_without_a_framework() -> None:
    rid = get_or_generate_request_id(headers={"X-REQUEST-ID": "abc"})
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(KintoFormatter("%(message)s", None, "%"))
    handler.addFilter(RequestIdLogFilter())
    token = request_id_context.set(rid)
    try:
        handler.handle(logging.LogRecord("app.log", 20, "", 0, "hello", (), None))
    finally:
        request_id_context.reset(token)
    line = json.loads(stream.getvalue())
    assert (line["Logger"], line["Type"]) == ("kintowe", "app.log")
    assert line["Fields"] == {"msg": "hello", "rid": "abc"}


def test_a_json_message_cannot_set_the_request_id_outside_of_requests() -> None:
    record = logging.LogRecord("n", 20, "f.py", 1, '{"rid": "forged"}', (), None)
    RequestIdLogFilter().filter(record)
    fields = json.loads(MozlogFormatter().format(record))["Fields"]
    assert fields == {"msg.rid": "forged"}
