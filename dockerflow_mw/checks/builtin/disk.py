"""Checks the free space of a disk, with the standard library alone."""

from __future__ import annotations

import functools
import os
import shutil
from typing import Any

from dockerflow_mw import health
from dockerflow_mw.checks.builtin.base import BuiltInCheck, Messages
from dockerflow_mw.checks.messages import Error, Warning
from dockerflow_mw.settings.readers import number, setting


def disk_free(
    path: str | os.PathLike[str] = "/",
    *,
    warn_below: float = 0.10,
    fail_below: float = 0.05,
) -> BuiltInCheck:
    """Return a check of the space that a disk has for this process.

    Args:
        path: a file or a folder on the disk.
        warn_below: the share of the disk below which the check warns, from 0 to 1.
        fail_below: the share below which it fails, at most ``warn_below``.

    Raises:
        ValueError: an argument is not allowed.
    """
    disk = setting("path", path, _path, "the path of a file or a folder")
    share = number(float, low=0, high=1)
    warn_below = setting("warn_below", warn_below, share, "a number from 0 to 1")
    share = number(float, low=0, high=warn_below)
    allowed = f"a number from 0 to warn_below, which is {warn_below}"
    fail_below = setting("fail_below", fail_below, share, allowed)
    check = functools.partial(_check, disk, warn_below, fail_below)
    return BuiltInCheck("disk_free", check, disk)


def _path(value: Any) -> str:
    return os.fsdecode(value)


def _check(path: str, warn_below: float, fail_below: float) -> Messages:
    try:
        usage = shutil.disk_usage(path)
        free = usage.free / usage.total
    except (OSError, ZeroDivisionError) as error:
        # The size of a pseudo file system such as /proc is 0.
        text = f"The free space of the disk is unknown ({type(error).__name__})."
        return [Error(text, id=health.ERROR_DISK_UNREADABLE, obj=error)]
    state = f"{free:.1%} of the disk is free, {usage.free / 2**30:.1f} GiB"
    if free < fail_below:
        text = f"{state}; at least {100 * fail_below:g}% must be."
        return [Error(text, id=health.ERROR_DISK_FULL)]
    if free < warn_below:
        text = f"{state}; at least {100 * warn_below:g}% should be."
        return [Warning(text, id=health.WARNING_DISK_LOW)]
    return []
