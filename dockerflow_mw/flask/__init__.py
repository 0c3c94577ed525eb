"""The endpoints, the health checks and the request log in a Flask application."""

from dockerflow_mw.flask import checks, signals
from dockerflow_mw.flask.app import Dockerflow

__all__ = ["Dockerflow", "checks", "signals"]
