"""The messages, under the name that they had in early releases of python-dockerflow."""

from __future__ import annotations

from dockerflow_mw.checks.messages import *  # noqa: F403  # python-dockerflow's name
