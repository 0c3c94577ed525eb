"""What every door answers on the middleware's own paths."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockerflow_mw import checks
from tests.doors import Door

MakeDoor = Callable[..., Door]

TOKEN = "a-token-of-some-length"
ENDPOINTS = ("/__version__", "/__heartbeat__", "/__lbheartbeat__")
VERSION = {
    "source": "https://example.com/a/b",
    "version": "",
    "commit": "c0ffee",
    "build": None,
    "image_tag": "extra keys survive",
}


@pytest.fixture
def version_path(tmp_path: Path) -> Path:
    file = tmp_path / "version.json"
    file.write_text(json.dumps(VERSION))
    return file


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Holds checks until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_lbheartbeat_is_an_empty_200(door: MakeDoor) -> None:
    answer = door().ask("/__lbheartbeat__")
    assert answer.status == 200
    assert answer.body == b""
    assert answer.headers == {
        "content-type": "text/plain; charset=utf-8",
        "content-length": "0",
        "cache-control": "no-store",
    }


def test_lbheartbeat_answers_whatever_else_is_broken(
    door: MakeDoor, tmp_path: Path, released: threading.Event
) -> None:
    def crash() -> bytes:
        raise RuntimeError("the application is broken")

    broken = door(crash, version_path=tmp_path / "missing.json")
    broken.application.check(released.wait, name="hangs")
    hanging = threading.Thread(target=broken.ask, args=("/__heartbeat__",), daemon=True)
    hanging.start()
    assert broken.ask("/__lbheartbeat__").status == 200
    assert hanging.is_alive()
    with pytest.raises(RuntimeError):
        broken.ask("/")
    assert broken.ask("/__lbheartbeat__").status == 200
    released.set()
    hanging.join(timeout=20)
    assert not hanging.is_alive()


def test_version_is_the_object_of_the_file(door: MakeDoor, version_path: Path) -> None:
    answer = door(version_path=version_path).ask("/__version__")
    assert (answer.status, json.loads(answer.body)) == (200, VERSION)
    assert answer.headers["content-type"] == "application/json"


def test_version_is_found_in_a_folder(door: MakeDoor, version_path: Path) -> None:
    answer = door(version_path=version_path.parent).ask("/__version__")
    assert json.loads(answer.body) == VERSION


def test_the_credentials_of_a_url_in_the_version_are_masked(
    door: MakeDoor, version_path: Path
) -> None:
    source = "https://gitlab-ci-token:glpat-x@gitlab.example.com/a/b"
    version_path.write_text(json.dumps({"source": source, "list": [source, 1]}))
    version = json.loads(door(version_path=version_path).ask("/__version__").body)
    masked = "https://***@gitlab.example.com/a/b"
    assert version == {"source": masked, "list": [masked, 1]}


def test_a_missing_version_is_404(door: MakeDoor, tmp_path: Path) -> None:
    answer = door(version_path=tmp_path).ask("/__version__")
    assert answer.status == 404
    assert json.loads(answer.body) == {"error": "There is no version object."}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"{", id="no JSON"),
        pytest.param(b"[]", id="an array"),
        pytest.param(b"null", id="null"),
        pytest.param(b"\xff\xfe\xfd", id="no text"),
        pytest.param(b"", id="empty"),
        pytest.param(b'{"version": NaN}', id="not a number"),
        pytest.param(b'{"a":' * 100_000, id="nested too deep"),
    ],
)
def test_a_malformed_version_is_500_without_a_traceback(
    door: MakeDoor,
    tmp_path: Path,
    content: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "version.json").write_bytes(content)
    answer = door(version_path=tmp_path).ask("/__version__")
    assert answer.status == 500
    assert json.loads(answer.body) == {"error": "The version object cannot be read."}
    records = [r for r in caplog.records if r.name == "dockerflow.version"]
    assert [r.levelno for r in records] == [logging.ERROR]
    assert records[0].exc_info is not None


async def _async_version(folder: Path) -> dict[str, str]:
    return {"folder": folder.name}


def _sync_version(folder: Path) -> dict[str, str]:
    return {"folder": folder.name}


@pytest.mark.parametrize("callback", [_sync_version, _async_version])
def test_a_version_callback_replaces_the_file(
    door: MakeDoor, version_path: Path, callback: Callable[..., object]
) -> None:
    made = door(version_path=version_path, version_callback=callback)
    answer = made.ask("/__version__")
    assert json.loads(answer.body) == {"folder": version_path.parent.name}


@pytest.mark.parametrize(
    ("result", "status"),
    [
        pytest.param(None, 404, id="none"),
        pytest.param(object(), 500, id="no JSON"),
        pytest.param("v1", 500, id="no object"),
        pytest.param(ZeroDivisionError(), 500, id="raises"),
        pytest.param(SystemExit(3), 500, id="exits"),
    ],
)
def test_a_version_callback_may_fail(
    door: MakeDoor, result: object, status: int
) -> None:
    def callback(folder: Path) -> object:
        if isinstance(result, BaseException):
            raise result
        return result

    assert door(version_callback=callback).ask("/__version__").status == status


def test_heartbeat_without_checks_is_ok(door: MakeDoor) -> None:
    answer = door().ask("/__heartbeat__")
    assert answer.status == 200
    assert json.loads(answer.body) == {"status": "ok", "checks": {}, "details": {}}


def test_heartbeat_runs_sync_and_async_checks_and_reports_each(door: MakeDoor) -> None:
    made = door(heartbeat_failed_status_code=503)

    @made.application.check
    def fine() -> None: ...

    @made.application.check
    async def also_fine() -> list[checks.CheckMessage]:
        return []

    @made.application.check(name="bugzilla.up")
    async def down() -> list[checks.CheckMessage]:
        return [checks.Error("no answer", id="bugzilla.E001")]

    @made.application.check
    def tired() -> list[checks.CheckMessage]:
        return [checks.Warning("slow", id="tired.W001")]

    answer = made.ask("/__heartbeat__")
    assert answer.status == 503
    assert json.loads(answer.body) == {
        "status": "error",
        "checks": {
            "fine": "ok",
            "also_fine": "ok",
            "bugzilla.up": "error",
            "tired": "warning",
        },
        "details": {
            "bugzilla.up": {
                "status": "error",
                "level": 40,
                "messages": {"bugzilla.E001": "no answer"},
            },
            "tired": {
                "status": "warning",
                "level": 30,
                "messages": {"tired.W001": "slow"},
            },
        },
    }


def test_a_warning_alone_does_not_fail_the_heartbeat(door: MakeDoor) -> None:
    made = door()
    made.application.check(lambda: checks.Warning("slow", id="x.W1"), name="x")
    answer = made.ask("/__heartbeat__")
    assert (answer.status, json.loads(answer.body)["status"]) == (200, "warning")


def test_silenced_messages_do_not_count(door: MakeDoor) -> None:
    made = door(silenced_checks="x.E1,y.E1")
    made.application.check(lambda: checks.Error("known", id="x.E1"), name="x")
    answer = made.ask("/__heartbeat__")
    assert answer.status == 200
    assert json.loads(answer.body)["checks"] == {"x": "ok"}


def test_a_check_that_raises_fails_alone_and_its_text_stays_in_the_log(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    made = door()
    made.application.check(lambda: None, name="fine")

    @made.application.check
    def broken() -> None:
        raise RuntimeError("db://user:hunter2@host is down")

    answer = made.ask("/__heartbeat__")
    report = json.loads(answer.body)
    assert answer.status == 500
    assert report["checks"] == {"fine": "ok", "broken": "error"}
    assert report["details"]["broken"]["messages"] == {
        "dockerflow.health.E102": (
            "The check raised RuntimeError; the log has its traceback."
        )
    }
    assert b"hunter2" not in answer.body
    record = next(r for r in caplog.records if r.name == "dockerflow.checks")
    assert record.levelno == logging.ERROR
    assert record.exc_info
    assert "hunter2" in str(record.exc_info[1])


def test_credentials_in_a_message_are_masked(door: MakeDoor) -> None:
    made = door()
    text = "cannot reach redis://:s3cret@cache:6379 (password=s3cret)"
    made.application.check(lambda: text, name="cache")
    answer = made.ask("/__heartbeat__")
    assert b"s3cret" not in answer.body
    assert b"redis://***@cache:6379 (password=***)" in answer.body


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    records = [r for r in caplog.records if r.name == "dockerflow.checks"]
    caplog.clear()
    return [(r.levelno, r.getMessage()) for r in records]


def test_each_failing_check_is_logged_with_the_level_of_its_messages(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    made = door(log_repeat_seconds=0)
    made.application.check(lambda: checks.Warning("w", id="a.W1"), name="a")
    made.application.check(lambda: checks.Critical("c", id="b.C1"), name="b")
    made.application.check(lambda: None, name="c")
    for _ in range(2):
        made.ask("/__heartbeat__")
        expected = [(logging.WARNING, "a: w"), (logging.CRITICAL, "b: c")]
        assert logged(caplog) == expected


def test_a_failure_that_goes_on_is_not_logged_at_every_probe(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    said: list[checks.CheckMessage] = []
    made = door()
    made.application.check(lambda: list(said), name="db")
    probes = [
        ([], []),
        ([checks.Error("down", id="E1")], [(logging.ERROR, "db: down")]),
        ([checks.Error("down", id="E1")], []),
        ([checks.Error("full", id="E2")], [(logging.ERROR, "db: full")]),
        ([], [(logging.INFO, "db: ok again")]),
        ([], []),
    ]
    for messages, expected in probes:
        said[:] = messages
        made.ask("/__heartbeat__")
        assert logged(caplog) == expected


@pytest.mark.parametrize("path", [*ENDPOINTS, *(f"{path}/" for path in ENDPOINTS)])
def test_head_is_get_without_the_body(
    door: MakeDoor, version_path: Path, path: str
) -> None:
    made = door(version_path=version_path)
    got, headed = made.ask(path), made.ask(path, "HEAD")
    assert got.status == headed.status == 200
    assert got.headers == headed.headers
    assert int(got.headers["content-length"]) == len(got.body)
    assert headed.body == b""


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("method", ["POST", "OPTIONS", "DELETE", "BREW"])
@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")  # the validator's
def test_other_methods_are_405(door: MakeDoor, path: str, method: str) -> None:
    answer = door().ask(path, method)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ENDPOINTS)
def test_endpoints_are_found_under_a_mount_point(
    door: MakeDoor, version_path: Path, path: str
) -> None:
    assert door(version_path=version_path).ask(path, root="/api").status == 200


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("//__lbheartbeat__", id="two slashes"),
        pytest.param("/x/__lbheartbeat__", id="a suffix"),
        pytest.param("/__lbheartbeat__x", id="a prefix"),
        pytest.param("/__lbheartbeat__//", id="two slashes at the end"),
        pytest.param("/__lbheartbeat__\n", id="a newline at the end"),
        pytest.param("/__LBHEARTBEAT__", id="capitals"),
        pytest.param("/__error__", id="the error endpoint, not asked for"),
        pytest.param("", id="an empty path"),
        pytest.param("/café", id="not ASCII"),
        pytest.param(b"/caf\xe9/\xff", id="not UTF-8"),
    ],
)
def test_what_is_not_an_endpoint_is_the_application_s(
    door: MakeDoor, path: str | bytes
) -> None:
    assert door().ask(path, root="/api" if path == "" else "").body == b"a page"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer another-token-0123"}, {"Authorization": TOKEN}],
)
def test_the_error_endpoint_asks_for_its_token(
    door: MakeDoor, headers: dict[str, str]
) -> None:
    made = door(error_endpoint=True, error_token=TOKEN)
    refused = made.ask("/__error__", headers=headers)
    assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
    with pytest.raises(Exception, match="test exception from the /__error__ endpoint"):
        made.ask("/__error__", headers={"Authorization": f"Bearer {TOKEN}"})


def test_the_error_endpoint_raises_where_it_was_asked_for(
    door: MakeDoor, caplog: pytest.LogCaptureFixture
) -> None:
    made = door(error_endpoint=True)
    with pytest.raises(Exception, match="test exception from the /__error__ endpoint"):
        made.ask("/__error__")
    assert caplog.record_tuples[-2:] == [
        ("dockerflow.error", logging.ERROR, "The __error__ endpoint was called"),
        (
            "request.summary",
            logging.ERROR,
            "This is a test exception from the /__error__ endpoint.",
        ),
    ]
