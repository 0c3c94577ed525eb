"""Endpoints, health checks and request summaries for Sanic applications."""

from dockerflow_mw.sanic import checks
from dockerflow_mw.sanic.app import Dockerflow

__all__ = ["Dockerflow", "checks"]
