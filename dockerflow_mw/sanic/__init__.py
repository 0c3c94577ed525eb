"""The endpoints, the health checks and the request log in a Sanic application."""

from dockerflow_mw.sanic import checks
from dockerflow_mw.sanic.app import Dockerflow

__all__ = ["Dockerflow", "checks"]
