"""Dockerflow for Flask: the endpoints, the health checks and the request log."""

from __future__ import annotations

from dockerflow_mw.flask import checks, signals
from dockerflow_mw.flask.app import Dockerflow

__all__ = ["Dockerflow", "checks", "signals"]
