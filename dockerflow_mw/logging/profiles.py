"""Profiles: the fields that a log service reads beside those of mozlog."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from dockerflow_mw.logging.encoding import encode
from dockerflow_mw.settings import readers

Profile = Callable[[logging.LogRecord, Mapping[str, Any]], dict[str, Any]]
"""Returns the members that a profile adds to a record's mozlog object."""


def read_profile(severity: str | None) -> Profile | None:
    """Return the profile of a name, or None for plain mozlog.

    Args:
        severity: ``"mozlog"`` or ``"gcp"``. The default is the value of the variable
            ``DOCKERFLOW_LOG_PROFILE``.

    Raises:
        dockerflow_mw.settings.SettingsError: no profile has the name.
    """
    label = "severity"
    if severity is None:
        label = "DOCKERFLOW_LOG_PROFILE"
        severity = os.environ.get(label) or "mozlog"
    read = readers.choice({"mozlog": None, "gcp": google_cloud})
    return readers.setting(label, severity, read, "mozlog or gcp")


def google_cloud(record: logging.LogRecord, line: Mapping[str, Any]) -> dict[str, Any]:
    """Return the special fields of Google Cloud's structured logs.

    Source: "Special fields in structured payloads" in Cloud Logging's documentation.
    """
    fields = line.get("Fields") or {}
    message = fields.get("msg") or line["Type"]
    special = {
        "severity": _severity(record.levelno),
        "message": message if isinstance(message, str) else encode(message),
        "time": datetime.fromtimestamp(line["Timestamp"] / 1e9, UTC).isoformat(),
    }
    if trace_id := fields.get("trace_id"):
        project = os.environ.get("GOOGLE_CLOUD_PROJECT")
        trace = f"projects/{project}/traces/{trace_id}" if project else trace_id
        special["logging.googleapis.com/trace"] = trace
    if span_id := fields.get("span_id"):
        special["logging.googleapis.com/spanId"] = span_id
    return special


def _severity(level: float) -> str:
    # LogSeverity in the reference of LogEntry.
    for lowest, name in (50, "CRITICAL"), (40, "ERROR"), (30, "WARNING"), (20, "INFO"):
        if level >= lowest:
            return name
    return "DEBUG"
