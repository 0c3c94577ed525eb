from __future__ import annotations

import contextvars
import string
import sys
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockerflow_mw.request_id import (
    RequestIdReader,
    generate,
    get_or_generate_request_id,
    request_id_context,
    trace_fields,
    wrap,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def is_accepted(value: str) -> bool:
    """Return whether the value of the header becomes the request id."""
    return get_or_generate_request_id({"X-Request-ID": value}) == value


def test_a_new_id_has_32_hexadecimal_digits_and_is_unique() -> None:
    made = {generate() for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(i) == 32 and set(i) <= set(string.hexdigits) for i in made)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("a", id="one character"),
        pytest.param("a" * 128, id="128 characters"),
        pytest.param(TRACE, id="nginx"),
        pytest.param("9f1b7c0e-2a4d-4a53-8a4e-0c8d1f7c1c11", id="a UUID"),
        pytest.param("Root=1-67891233-abcdef012345678912345678", id="Amazon"),
        pytest.param("a.b_c:d/e+f=g@h-i", id="all the signs"),
    ],
)
def test_a_harmless_id_is_accepted_unchanged(value: str) -> None:
    assert is_accepted(value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("a" * 129, id="129 characters"),
        pytest.param("a b", id="a space"),
        pytest.param("a\r\nSet-Cookie: x", id="a header"),
        pytest.param('a","admin":"', id="JSON"),
        pytest.param("café", id="not ASCII"),
        pytest.param("a\x00b", id="a NUL"),
        pytest.param("<script>", id="HTML"),
    ],
)
def test_any_other_id_is_refused(value: str) -> None:
    assert not is_accepted(value)


@given(st.text())
def test_every_accepted_id_is_harmless(value: str) -> None:
    harmless = set(string.ascii_letters + string.digits + "._:/+=@-")
    fits = 0 < len(value) <= 128 and set(value) <= harmless
    assert is_accepted(value) == fits


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("X-Request-ID", "abc", "abc"),
        ("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01", TRACE),
        ("TraceParent", f"cc-{TRACE}-00f067aa0ba902b7-01-what-comes", TRACE),
        ("traceparent", f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        ("traceparent", f"00-{TRACE.upper()}-00f067aa0ba902b7-01", None),
        ("traceparent", f"00-{TRACE[:-1]}-00f067aa0ba902b7-01", None),
        ("traceparent", "nonsense", None),
        ("traceparent", f"ff-{TRACE}-00f067aa0ba902b7-01", None),
        ("traceparent", f"zz-{TRACE}-00f067aa0ba902b7-01", None),
        ("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01-more", None),
        ("X-Cloud-Trace-Context", TRACE.upper(), TRACE),
        ("X-Cloud-Trace-Context", "abc", None),
        ("X-Cloud-Trace-Context", f"{TRACE}/123;o=1", TRACE),
        ("X-Cloud-Trace-Context", TRACE, TRACE),
        ("X-Cloud-Trace-Context", f"{TRACE};o=1", TRACE),
        ("X-Cloud-Trace-Context", "/123", None),
    ],
)
def test_each_header_is_read_in_its_own_format(
    name: str, value: str, expected: str | None
) -> None:
    reader = RequestIdReader([name], str.lower)
    for raw in (value, value.encode()):
        found = reader.read({name.lower(): raw})
        assert found == expected or (expected is None and len(found) == 32)
    found = get_or_generate_request_id({name.upper(): value}, name)
    assert found == expected or (expected is None and len(found) == 32)


def test_the_first_acceptable_header_wins() -> None:
    reader = RequestIdReader(["a", "b", "c"], str)
    assert reader.read({"c": "three", "b": "two", "a": "not acceptable"}) == "two"


def test_without_header_names_the_id_is_new() -> None:
    assert RequestIdReader([], str).read({"x-request-id": "abc"}) != "abc"


def test_get_or_generate_request_id_reads_x_request_id() -> None:
    assert get_or_generate_request_id({"x-Request-Id": "abc"}) == "abc"
    assert len(get_or_generate_request_id({})) == 32


def test_an_id_that_was_set_holds_until_its_reset() -> None:
    def use() -> None:
        token = request_id_context.set("mine")
        assert request_id_context.get("none") == "mine"
        request_id_context.reset(token)
        assert request_id_context.get("none") == "none"

    contextvars.Context().run(use)


def test_wrap_refuses_a_coroutine_function() -> None:
    async def work() -> None: ...

    with pytest.raises(
        TypeError, match="is a coroutine function; a task needs no wrap"
    ):
        wrap(work)


def test_a_half_imported_opentelemetry_raises_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = types.ModuleType("opentelemetry.trace")
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", module)
    assert trace_fields() == {}


SPAN = "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("name", "value", "trace"),
    [
        (
            "traceparent",
            f"00-{TRACE}-{SPAN}-01",
            {"trace_id": TRACE, "span_id": SPAN},
        ),
        ("traceparent", f"00-{TRACE}-{'0' * 16}-01", None),
        (
            "X-Cloud-Trace-Context",
            f"{TRACE}/123;o=1",
            {"trace_id": TRACE, "span_id": "000000000000007b"},
        ),
        ("X-Cloud-Trace-Context", f"{TRACE}/0", {"trace_id": TRACE}),
        ("X-Cloud-Trace-Context", f"{TRACE}/{2**64}", {"trace_id": TRACE}),
        ("X-Cloud-Trace-Context", f"{TRACE}/{'1' * 5000}", {"trace_id": TRACE}),
        ("X-Cloud-Trace-Context", f"{TRACE}/span", {"trace_id": TRACE}),
        ("X-Cloud-Trace-Context", f"{'0' * 32}/123", None),
        ("X-Request-ID", TRACE, None),
    ],
)
def test_a_trace_header_is_read(
    name: str, value: str, trace: dict[str, str] | None
) -> None:
    assert RequestIdReader([name], str).read_trace({name: value}) == trace
