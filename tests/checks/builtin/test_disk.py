"""Tests of the check of free disk space, on a real disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dockerflow_mw import checks
from dockerflow_mw.checks.builtin.disk import disk_free
from tests.checks.builtin.faults import WebServer, probe


# The disk of the tests is neither empty nor full.
@pytest.mark.parametrize(
    ("warn_below", "fail_below", "expected"),
    [
        pytest.param(0, 0, (200, []), id="enough"),
        pytest.param(1, 0, (200, ["W101"]), id="less than there should be"),
        pytest.param(1, 1, (500, ["E111"]), id="less than there must be"),
    ],
)
def test_the_thresholds_set_the_level(
    web_server: WebServer,
    tmp_path: Path,
    warn_below: float,
    fail_below: float,
    expected: tuple[int, list[str]],
) -> None:
    (tmp_path / "file").write_bytes(bytes(100_000))
    web_server.application.check(
        disk_free(tmp_path, warn_below=warn_below, fail_below=fail_below)
    )
    answer = probe(web_server)
    assert answer.outcome == expected
    assert str(tmp_path) not in answer.body
    assert all("at least 100%" in text for text in answer.messages.values())


def test_a_missing_path_fails_until_it_exists(
    web_server: WebServer, tmp_path: Path
) -> None:
    mount = tmp_path / "mount"
    web_server.application.check(disk_free(mount, warn_below=0, fail_below=0))
    missing = probe(web_server)
    assert missing.outcome == (500, ["E112"])
    assert list(missing.messages.values()) == [
        "The free space of the disk is unknown (FileNotFoundError)."
    ]

    mount.mkdir()
    assert probe(web_server).outcome == (200, [])


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="There is no /proc here.")
def test_a_file_system_without_a_size_fails(web_server: WebServer) -> None:
    web_server.application.check(disk_free("/proc"))
    assert probe(web_server).outcome == (500, ["E112"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"path": 3}, "path is 3; it must be the path of a file or a folder."),
        ({"warn_below": 10}, "warn_below is 10; it must be a number from 0 to 1."),
        ({"warn_below": True}, "warn_below is True; it must be a number from 0 to 1."),
        (
            {"fail_below": 0.2},
            "fail_below is 0.2; it must be a number from 0 to warn_below,"
            " which is 0.1.",
        ),
        (
            {"fail_below": -0.1},
            "fail_below is -0.1; it must be a number from 0 to warn_below,"
            " which is 0.1.",
        ),
    ],
)
def test_an_invalid_argument_raises_an_error_that_names_it(
    options: Any, expected: str
) -> None:
    with pytest.raises(ValueError, match="it must be") as raised:
        disk_free(**options)
    assert str(raised.value) == expected


def test_checks_are_identified_by_their_path() -> None:
    check = disk_free("/a")
    assert (check.__name__, check.critical) == ("disk_free", True)
    assert check.identity == ("disk_free", "/a")
    registry = checks.Registry()
    registry.register(check)
    registry.register(disk_free(Path("/a"), fail_below=0.01))
    with pytest.raises(checks.DuplicateCheckError, match="/b"):
        registry.register(disk_free("/b"))
