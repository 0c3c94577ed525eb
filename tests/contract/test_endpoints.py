"""The responses of every door at the paths of the endpoints."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.doors import Door

MakeDoor = Callable[..., Door]

TOKEN = "a-token-of-some-length"
ENDPOINTS = ("/__version__", "/__heartbeat__", "/__lbheartbeat__")


@pytest.fixture
def version_path(tmp_path: Path) -> Path:
    file = tmp_path / "version.json"
    file.write_text("{}")
    return file


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Yield an event for checks to wait for; it is set after the test."""
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


def test_lbheartbeat_responds_while_a_check_hangs_and_the_application_fails(
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
@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")  # wsgiref.validate
def test_other_methods_are_405(door: MakeDoor, path: str, method: str) -> None:
    answer = door().ask(path, method)
    assert answer.status == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


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
        pytest.param("/__error__", id="the error endpoint, turned off"),
        pytest.param("", id="an empty path"),
        pytest.param("/café", id="not ASCII"),
        pytest.param(b"/caf\xe9/\xff", id="not UTF-8"),
    ],
)
def test_the_application_serves_paths_that_resemble_an_endpoint(
    door: MakeDoor, path: str | bytes
) -> None:
    assert door().ask(path, root="/api" if path == "" else "").body == b"a page"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer another-token-0123"}, {"Authorization": TOKEN}],
)
def test_the_error_endpoint_demands_its_token(
    door: MakeDoor, headers: dict[str, str]
) -> None:
    made = door(error_endpoint=True, error_token=TOKEN)
    refused = made.ask("/__error__", headers=headers)
    assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
    with pytest.raises(Exception, match="test exception from the /__error__ endpoint"):
        made.ask("/__error__", headers={"Authorization": f"Bearer {TOKEN}"})


def test_the_error_endpoint_raises_if_it_is_turned_on(
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
