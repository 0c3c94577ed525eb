"""The check of the free disk space on a real disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dockerflow_mw import checks
from dockerflow_mw.checks.builtin.disk import disk_free
from tests.checks.builtin.faults import LastingDoor, beat


# No disk that a test writes to is quite empty, and none is quite full.
@pytest.mark.parametrize(
    ("warn_below", "fail_below", "expected"),
    [
        pytest.param(0, 0, (200, []), id="enough"),
        pytest.param(1, 0, (200, ["W101"]), id="less than there should be"),
        pytest.param(1, 1, (500, ["E111"]), id="less than there must be"),
    ],
)
def test_the_shares_decide(
    door: LastingDoor,
    tmp_path: Path,
    warn_below: float,
    fail_below: float,
    expected: tuple[int, list[str]],
) -> None:
    (tmp_path / "file").write_bytes(bytes(100_000))
    door.application.check(
        disk_free(tmp_path, warn_below=warn_below, fail_below=fail_below)
    )
    answer = beat(door)
    assert answer.outcome == expected
    assert str(tmp_path) not in answer.body
    assert all("at least 100%" in text for text in answer.messages.values())


def test_a_disk_that_comes_later(door: LastingDoor, tmp_path: Path) -> None:
    mount = tmp_path / "mount"
    door.application.check(disk_free(mount, warn_below=0, fail_below=0))
    missing = beat(door)
    assert missing.outcome == (500, ["E112"])
    assert list(missing.messages.values()) == [
        "The free space of the disk cannot be told (FileNotFoundError)."
    ]

    mount.mkdir()
    assert beat(door).outcome == (200, [])


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="There is no /proc here.")
def test_a_disk_without_a_size(door: LastingDoor) -> None:
    door.application.check(disk_free("/proc"))
    assert beat(door).outcome == (500, ["E112"])


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
def test_a_factory_validates_its_arguments(options: Any, expected: str) -> None:
    with pytest.raises(ValueError, match="it must be") as raised:
        disk_free(**options)
    assert str(raised.value) == expected


def test_two_disks_are_told_apart_and_one_is_itself_again() -> None:
    check = disk_free("/a")
    assert (check.__name__, check.critical) == ("disk_free", True)
    assert check.identity == ("disk_free", "/a")
    registry = checks.Registry()
    registry.register(check)
    registry.register(disk_free(Path("/a"), fail_below=0.01))
    with pytest.raises(checks.DuplicateCheckError, match="/b"):
        registry.register(disk_free("/b"))
