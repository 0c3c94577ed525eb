from __future__ import annotations

import asyncio
import copy
import io
import itertools
import json
import logging
import logging.config
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockerflow_mw.logging import (
    JsonLogFormatter,
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
from dockerflow_mw.logging.record import RecordMaker, parts_of


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
    line = JsonLogFormatter(logger_name="service").format(made)
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
        "Hostname": JsonLogFormatter().hostname,
        "EnvVersion": "2.0",
        "Severity": 6,
        "Pid": made.process,
        "Fields": {"answer": 42, "msg": "hello world"},
    }


@pytest.mark.parametrize(
    ("level", "severity"),
    [(60, 2), (50, 2), (45, 3), (40, 3), (30, 4), (25, 6), (20, 6), (15, 7), (10, 7)],
)
def test_severity_is_syslog_s_of_the_level_or_the_next_lower_one(
    level: int, severity: int
) -> None:
    assert formatted(record(level=level))["Severity"] == severity


def test_an_exception_gives_its_repr_and_its_traceback() -> None:
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
def test_every_value_has_a_place_in_a_line(value: object, written: object) -> None:
    assert formatted(record("x", field=value))["Fields"]["field"] == written


def test_a_cycle_ends() -> None:
    assert formatted(record("x", field=circular()))["Fields"]["msg"] == "x"


@pytest.mark.parametrize(
    ("message", "args", "written"),
    [
        ("%s and %s", ("one",), "'%s and %s' % ('one',)"),
        (Unfriendly(), (), "<Unfriendly whose repr raised RuntimeError> % ()"),
    ],
)
def test_a_message_that_cannot_be_made_is_kept_raw(
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
    line = JsonLogFormatter().format(record(message, *args, field=field))
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


def test_the_encoder_writes_what_json_does_not_know() -> None:
    assert json.dumps({"a": Unfriendly()}, cls=SafeJSONEncoder) == (
        '{"a": "<Unfriendly whose repr raised RuntimeError>"}'
    )


def test_a_traceback_shows_the_exception_by_its_repr() -> None:
    assert safer_format_traceback(ValueError, ValueError("a\nb"), None) == (
        "Uncaught exception:\n<class 'ValueError'>\nValueError('a\\nb')\n"
    )


def test_the_handler_writes_one_line_a_record_and_never_raises(
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


def test_the_filter_adds_the_id_and_drops_nothing() -> None:
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


def test_configure_logging_twice_is_once(root: logging.Logger) -> None:
    configure_logging(logger_name="service", level="DEBUG")
    configure_logging()
    ours = [h for h in root.handlers if isinstance(h, MozlogHandler)]
    assert [handler.logger_name for handler in ours] == ["service"]
    assert root.level == logging.DEBUG


def test_a_dictionary_configures_it_all(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"rid": {"()": "dockerflow_mw.logging.RequestIdLogFilter"}},
            "formatters": {
                "json": {
                    "()": "dockerflow_mw.logging.JsonLogFormatter",
                    "logger_name": "service",
                }
            },
            "handlers": {
                "out": {
                    "class": "dockerflow_mw.logging.MozlogHandler",
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


def test_the_failure_of_logging_is_said_on_stderr_if_there_is_one() -> None:
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


def test_a_value_that_cannot_be_compared_costs_no_other_field() -> None:
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
def test_what_is_out_of_the_ordinary_still_gives_a_line(formatter: Any) -> None:
    made = record("x")
    del made.created
    assert json.loads(formatter.format(made))["Type"] == "tests"


def test_a_subclass_has_the_levels_and_the_attributes_that_it_says() -> None:
    class Subclass(MozlogFormatter):
        SYSLOG_LEVEL_MAP = {**MozlogFormatter.SYSLOG_LEVEL_MAP, 25: 5}
        EXCLUDED_LOGRECORD_ATTRS = MozlogFormatter.EXCLUDED_LOGRECORD_ATTRS | {"secret"}

    line = json.loads(Subclass().format(record("x", level=25, secret=1, shown=2)))
    assert (line["Severity"], line["Fields"]) == (5, {"shown": 2, "msg": "x"})


def test_the_logger_of_a_line_can_be_the_record_s() -> None:
    assert formatted(record("x", logger_name="mine"))["Logger"] == "mine"


def test_a_traceback_that_is_only_there_as_text_is_kept() -> None:
    made = record("x")
    made.exc_text = "Traceback: boom"
    assert formatted(made)["Fields"]["traceback"] == "Traceback: boom"


def test_what_a_line_is_read_for_stays_where_there_is_too_much() -> None:
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


def test_names_that_are_cut_stay_apart() -> None:
    made = record("x" * 9000, **{"n" * 70 + "1": 1, "n" * 70 + "2": 2})
    names = [name for name in formatted(made)["Fields"] if name.startswith("n")]
    assert len(names) == 2


def test_keys_that_look_the_same_stay_apart() -> None:
    assert formatted(record("x", d={1: "a", "1": "b", (2,): 0}))["Fields"]["d"] == {
        "1": "a",
        "1 (2)": "b",
        "(2,)": 0,
    }


def test_what_is_left_out_of_a_large_value_is_told() -> None:
    line = MozlogFormatter(max_bytes=0).format(
        record("x", d={i: {i} for i in range(30_000)})
    )
    assert json.loads(line)["Fields"]["d"]["<left out>"] > 0


def test_the_message_for_google_cloud_is_a_text() -> None:
    line = json.loads(MozlogFormatter(severity="gcp").format(record({"msg": {"a": 1}})))
    assert line["message"] == '{"a":1}'


summaries = st.fixed_dictionaries(
    {"agent": st.text(), "code": st.integers(), "t": st.integers(0)},
    optional={"uid": st.text(), "more": st.lists(st.floats() | st.none())},
)


@given(fields=summaries, level=st.sampled_from([20, 40]), name=st.text())
def test_a_record_of_fields_gives_the_line_of_any_other(
    fields: dict[str, Any], level: int, name: str
) -> None:
    made = RecordMaker("request.summary").make(level, "", fields)
    other = logging.makeLogRecord(made.__dict__)
    formatter = MozlogFormatter(logger_name=name)
    assert json.loads(formatter.format(made)) == json.loads(formatter.format(other))


def test_what_a_filter_does_to_a_record_of_fields_is_in_the_line() -> None:
    made = RecordMaker("request.summary").make(20, "", {"path": "/secret"})
    made.path = "/masked"
    made.added = 1
    assert formatted(made)["Fields"] == {"path": "/masked", "added": 1}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda r: setattr(r, "levelno", logging.CRITICAL), {"Severity": 2}),
        (lambda r: setattr(r, "name", "other"), {"Type": "other"}),
        (lambda r: setattr(r, "msg", "hello"), {"msg": "hello"}),
        (lambda r: delattr(r, "path"), {"Fields": {"code": 200}}),
        (lambda r: r.__dict__.pop("path"), {"Fields": {"code": 200}}),
        (lambda r: r.__dict__.update(path="/masked"), {"path": "/masked"}),
        (
            lambda r: setattr(r, "__dict__", {**r.__dict__, "path": "/masked"}),
            {"path": "/masked"},
        ),
        (lambda r: setattr(r, "__dict__", r.__dict__), {"path": "/secret"}),
        (lambda r: setattr(r, "created", 1.5), {"Timestamp": 1_500_000_000}),
    ],
)
@pytest.mark.parametrize("looks_first", [True, False])
def test_any_change_to_a_record_of_fields_is_in_the_line(
    change: Callable[[Any], object], expected: dict[str, Any], looks_first: bool
) -> None:
    fields = {"path": "/secret", "code": 200}
    made: Any = RecordMaker("request.summary").make(logging.INFO, "", fields)
    if looks_first:
        assert (made.path, made.levelno, made.threadName) == (
            *("/secret", logging.INFO),
            threading.current_thread().name,
        )
    change(made)
    line = formatted(made)
    told = {**line, **line["Fields"]}
    assert {name: told[name] for name in expected} == expected


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda record: pickle.loads(pickle.dumps(record))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_of_a_record_of_fields_is_a_record(
    copied: Callable[[Any], logging.LogRecord],
) -> None:
    made = RecordMaker("request.summary").make(20, "boom", {"path": "/x"})
    other = copied(made)
    assert (type(other), vars(other)) == (logging.LogRecord, vars(made))
    assert formatted(other) == formatted(made)


def test_a_record_of_fields_is_as_it_was_when_its_line_is_made() -> None:
    formatter, other = MozlogFormatter(), MozlogFormatter(logger_name="other")
    made = RecordMaker("request.summary").make(20, "", {"path": "/x"})
    parts = parts_of(made)  # type: ignore[arg-type]  # as it is made here
    for each in (formatter, other, formatter):
        each.format(made)
        copy.copy(made)
    assert parts is not None
    assert parts_of(made) is parts  # type: ignore[arg-type]


def test_a_record_of_fields_has_no_attribute_but_a_record_s_and_its_fields() -> None:
    made: Any = RecordMaker("request.summary").make(20, "", {"path": "/x"})
    for _ in range(2):
        assert not hasattr(made, "trace_id")
        with pytest.raises(AttributeError, match="trace_id"):
            del made.trace_id
        assert made.path == "/x"


@pytest.mark.parametrize("name", sorted({*BLANK_RECORD, "fields"}))
def test_a_record_of_fields_has_what_any_other_has(name: str) -> None:
    made = RecordMaker("request.summary").make(20, "", {"path": "/x"})
    other = logging.LogRecord("request.summary", 20, "", 0, "", (), None)
    assert hasattr(made, name) == hasattr(other, name)


@pytest.mark.parametrize("flag", ["logProcesses", "logThreads"])
def test_what_is_not_to_be_logged_is_not_in_the_line(
    monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    monkeypatch.setattr(logging, flag, False)
    made = RecordMaker("request.summary").make(20, "", {"path": "/x"})
    other = logging.makeLogRecord({**vars(copy.copy(made))})
    assert "null" not in MozlogFormatter().format(made)
    assert formatted(made) == formatted(other)


Change = Callable[[MozlogFormatter], object]


@pytest.mark.parametrize(
    "change",
    [
        lambda f: setattr(f, "convert_record", lambda record: {"mine": record.name}),
        lambda f: setattr(f, "EXCLUDED_LOGRECORD_ATTRS", frozenset({"path", "name"})),
        lambda f: setattr(f, "hostname", "other"),
        lambda f: setattr(f, "SYSLOG_LEVEL_MAP", {0: 1}),
        lambda f: setattr(f, "LOGGING_FORMAT_VERSION", "3.0"),
        lambda f: setattr(f, "logger_name", "other"),
    ],
)
@pytest.mark.parametrize("is_used", [True, False])
def test_a_formatter_may_be_changed_at_any_time(change: Change, is_used: bool) -> None:
    formatter = MozlogFormatter()
    maker = RecordMaker("request.summary")
    if is_used:
        formatter.format(maker.make(20, "", {"path": "/"}))
    change(formatter)
    made = maker.make(20, "", {"path": "/x"})
    line = json.loads(formatter.format(made))
    assert line == json.loads(formatter.format(copy.copy(made)))


def test_a_change_of_a_formatter_may_be_undone() -> None:
    formatter = MozlogFormatter(logger_name="before")
    maker = RecordMaker("request.summary")
    loggers = []
    for logger_name in ("during", "after"):
        with mock.patch.object(formatter, "logger_name", logger_name):
            loggers.append(formatter.format(maker.make(20, "", {"path": "/x"})))
    del formatter.logger_name
    loggers.append(formatter.format(maker.make(20, "", {"path": "/x"})))
    named = [json.loads(line)["Logger"] for line in loggers]
    assert named == ["during", "after", MozlogFormatter.logger_name]


def test_a_record_of_fields_names_the_thread_that_made_it() -> None:
    made: list[logging.LogRecord] = []
    maker = RecordMaker("request.summary")
    thread = threading.Thread(
        target=lambda: made.append(maker.make(20, "", {})), name="the maker"
    )
    thread.start()
    thread.join()
    assert (made[0].threadName, made[0].thread) == ("the maker", thread.ident)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Records have no task name.")
def test_a_record_of_fields_names_the_task_that_made_it() -> None:
    async def make() -> logging.LogRecord:
        return RecordMaker("request.summary").make(20, "", {})

    async def made() -> logging.LogRecord:
        return await asyncio.create_task(make(), name="the maker")

    assert vars(asyncio.run(made()))["taskName"] == "the maker"


def test_a_record_of_fields_has_what_every_record_has() -> None:
    blank = logging.LogRecord("request.summary", 20, "", 0, "", (), None)
    made = RecordMaker("request.summary").make(20, "", {})
    moments = {"created", "msecs", "relativeCreated"}
    assert vars(made).keys() == vars(blank).keys()
    assert {k: v for k, v in vars(made).items() if k not in moments} == {
        k: v for k, v in vars(blank).items() if k not in moments
    }
    assert abs(made.relativeCreated - blank.relativeCreated) < 60_000


def test_a_factory_for_records_is_asked_for_those_of_fields_too() -> None:
    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        made = logging.LogRecord(*args, **kwargs)
        made.tenant = "acme"
        return made

    logging.setLogRecordFactory(factory)
    try:
        made = RecordMaker("request.summary").make(20, "", {"code": 200})
    finally:
        logging.setLogRecordFactory(logging.LogRecord)
    assert formatted(made)["Fields"] == {"tenant": "acme", "code": 200}


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
