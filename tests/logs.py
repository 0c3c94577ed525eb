"""Reads the records that a test caused."""

from __future__ import annotations

from typing import Any

import pytest


def summaries(caplog: pytest.LogCaptureFixture) -> list[Any]:
    """Return the summaries of the requests so far."""
    return [record for record in caplog.records if record.name == "request.summary"]


def codes(caplog: pytest.LogCaptureFixture) -> list[int]:
    """Return the statuses in the summaries of the requests so far."""
    return [record.code for record in summaries(caplog)]
