from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from dockerflow_mw.settings import Options, Settings, SettingsError

NAMES = [field.name for field in dataclasses.fields(Settings)]


def test_options_has_a_key_for_every_setting() -> None:
    assert sorted(Options.__annotations__) == sorted(NAMES)


def test_the_readme_lists_every_setting() -> None:
    readme = Path(__file__).parent.parent / "README.md"
    rows = re.findall(r"^\| `(\w+)` \| `DOCKERFLOW_(\w+)` ", readme.read_text(), re.M)
    assert rows == [(name, name.upper()) for name in NAMES]


def test_without_options_every_setting_has_its_default() -> None:
    assert Settings.load({}, {}) == Settings()


def test_an_argument_beats_a_variable_and_a_variable_beats_the_default() -> None:
    environment = {"DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE": "503"}
    assert Settings.load({}, environment).heartbeat_failed_status_code == 503
    options = {"heartbeat_failed_status_code": 502}
    assert Settings.load(options, environment).heartbeat_failed_status_code == 502


def test_an_empty_variable_counts_as_not_set() -> None:
    environment = {f"DOCKERFLOW_{name.upper()}": "" for name in NAMES}
    assert Settings.load({}, environment) == Settings()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("cache_seconds", "1.5", 1.5),
        ("check_timeout", "2", 2.0),
        ("details", "status", "status"),
        ("details", "a-token-of-some-length", "a-token-of-some-length"),
        ("fail_level", "Warning", 30),
        (
            "groups",
            "/__ready__=a,b ; /__deep__=c;",
            (("/__ready__", ("a", "b")), ("/__deep__", ("c",))),
        ),
        ("exclude_paths", "/metrics, /static/*", ("/metrics", "/static/*")),
        ("heartbeat_deadline", "9", 9.0),
        ("log_probes", "All", "all"),
        ("sample", "0.1", 0.1),
        ("slow_seconds", "2", 2.0),
        ("summary_levels", "404=debug,4xx=warning", ((404, 10), (4, 30))),
        ("summary_log_websockets", "yes", True),
        ("log_repeat_seconds", "0", 0.0),
        ("checks", "json.dumps, json:loads", (json.dumps, json.loads)),
        ("configure_logging", "true", True),
        ("echo_request_id", "ON", True),
        ("error_endpoint", "0", False),
        ("error_token", " a-token-of-some-length\n", "a-token-of-some-length"),
        ("heartbeat_failed_status_code", "599", 599),
        ("request_id_header_name", "X-Amzn-Trace-Id,x-id", ("X-Amzn-Trace-Id", "x-id")),
        ("request_id_header_name", "none", ()),
        ("silenced_checks", " a.E1 ,, b.W1 ", ("a.E1", "b.W1")),
        ("summary_log_querystring", "no", False),
        ("version_callback", "json.dumps", json.dumps),
        ("version_path", "/app", Path("/app")),
    ],
)
def test_a_variable_is_parsed(name: str, text: str, value: object) -> None:
    settings = Settings.load({}, {f"DOCKERFLOW_{name.upper()}": text})
    assert getattr(settings, name) == value


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ({"groups": {"/r": "a"}}, {"groups": (("/r", ("a",)),)}),
        ({"groups": None}, {"groups": ()}),
        ({"fail_level": 50}, {"fail_level": 50}),
        ({"details": len}, {"details": len}),
        ({"request_id_header_name": None}, {"request_id_header_name": ()}),
        ({"silenced_checks": ["a", "b"]}, {"silenced_checks": ("a", "b")}),
        ({"checks": [json.dumps, "json.loads"]}, {"checks": (json.dumps, json.loads)}),
        ({"version_path": None}, {"version_path": None}),
        ({"version_callback": None}, {"version_callback": None}),
    ],
)
def test_an_argument_may_be_a_python_value(
    options: dict[str, Any], settings: dict[str, Any]
) -> None:
    assert Settings.load(options, {}) == Settings(**settings)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "heartbeat_failed_status_code",
            "200",
            "DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE is '200';"
            " it must be a whole number from 500 to 599.",
        ),
        (
            "heartbeat_failed_status_code",
            "soon",
            "DOCKERFLOW_HEARTBEAT_FAILED_STATUS_CODE is 'soon';"
            " it must be a whole number from 500 to 599.",
        ),
        (
            "echo_request_id",
            "maybe",
            "DOCKERFLOW_ECHO_REQUEST_ID is 'maybe'; it must be true or false.",
        ),
        (
            "request_id_header_name",
            "X Request",
            "DOCKERFLOW_REQUEST_ID_HEADER_NAME is 'X Request';"
            " it must be names of HTTP headers, separated by commas, or none.",
        ),
        (
            "checks",
            "nowhere.check",
            "DOCKERFLOW_CHECKS is 'nowhere.check' (nowhere.check cannot be imported:"
            " No module named 'nowhere');"
            " it must be callables or their dotted paths, separated by commas.",
        ),
        (
            "version_callback",
            "sys.path",
            "DOCKERFLOW_VERSION_CALLBACK is 'sys.path' (sys.path is a list);"
            " it must be a callable or the dotted path of one.",
        ),
    ],
)
def test_a_bad_variable_raises_an_error_with_name_value_and_allowed_values(
    name: str, value: str, sentence: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({}, {f"DOCKERFLOW_{name.upper()}": value})
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("heartbeat_failed_status_code", True),
        ("heartbeat_failed_status_code", 500.5),
        ("heartbeat_failed_status_code", None),
        ("echo_request_id", 2),
        ("silenced_checks", 3),
        ("silenced_checks", [3]),
        ("silenced_checks", b"a"),
        ("silenced_checks", {"a": 1}),
        ("version_path", 3),
        ("exclude_paths", ["metrics"]),
        ("log_probes", "some"),
        ("sample", 0),
        ("sample", 1.5),
        ("summary_levels", {"6xx": "debug"}),
        ("summary_levels", {99: "debug"}),
        ("summary_levels", {404: "loud"}),
        ("summary_levels", "404"),
        ("cache_seconds", -1),
        ("cache_seconds", float("nan")),
        ("cache_seconds", True),
        ("check_timeout", 0),
        ("check_timeout", float("inf")),
        ("fail_level", 20),
        ("fail_level", "info"),
        ("groups", ["/r"]),
        ("groups", {"/r": 3}),
        ("version_callback", 3),
        ("checks", [3]),
    ],
)
def test_a_bad_argument_raises_an_error_with_name_and_value(
    name: str, value: object
) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({name: value}, {})
    assert str(caught.value).startswith(f"{name} is {value!r}; it must be ")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("silence_checks", "did you mean silenced_checks?"),
        ("colour", f"there are {', '.join(NAMES)}."),
    ],
)
def test_an_unknown_option_raises_an_error(name: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({name: 1}, {})
    expected = f"{name} is not a setting of DockerflowMiddleware; {sentence}"
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("options", "header"),
    [
        ({}, None),
        ({"echo_request_id": True}, "X-Request-ID"),
        ({"echo_request_id": True, "request_id_header_name": "x-id"}, "x-id"),
        (
            {"echo_request_id": True, "request_id_header_name": "Traceparent"},
            "X-Request-ID",
        ),
    ],
)
def test_the_response_header_is_the_first_header_without_a_trace(
    options: dict[str, Any], header: str | None
) -> None:
    assert Settings.load(options, {}).response_header_name == header


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (
            {"ready": ["a"]},
            "'ready' must begin with /, not end with /, and hold no ? or #",
        ),
        (
            {"/ready/": ["a"]},
            "'/ready/' must begin with /, not end with /, and hold no ? or #",
        ),
        ({3: ["a"]}, "3 must begin with /, not end with /, and hold no ? or #"),
        (
            {"/r?a": ["a"]},
            "'/r?a' must begin with /, not end with /, and hold no ? or #",
        ),
        ({"/r": []}, "the path '/r' has no checks"),
        ({"/__version__": ["a"]}, "the path '/__version__' is taken already"),
        ("/r=a;/r=b", "the path '/r' is taken already"),
    ],
)
def test_a_bad_group_raises_an_error_with_the_reason(
    value: object, reason: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({"groups": value}, {})
    assert str(caught.value) == (
        f"groups is {value!r} ({reason}); it must be paths, each with names or tags of"
        " checks, as /__ready__=database,cache."
    )


@pytest.mark.parametrize("value", ["ful", "hunter2", "", 3, None])
def test_the_error_of_a_bad_details_policy_hides_the_value(
    value: object,
) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({"details": value}, {})
    assert str(caught.value) == (
        "details is hidden; it must be full, status, a callable,"
        " or a token of at least 16 characters."
    )


def test_changed_settings_hide_secrets() -> None:
    token = "a-token-of-some-length"
    options = {"details": token, "fail_level": "critical", "checks": "json.dumps"}
    settings = Settings.load(options, {})
    assert settings.changed() == {
        "checks": "(dumps)",
        "details": "a token",
        "fail_level": "50",
    }
    assert token not in repr(settings)
    assert Settings.load({"details": "status"}, {}).changed() == {"details": "'status'"}
