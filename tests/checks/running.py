"""The type of the fixture `run`, which runs checks sync or async."""

from __future__ import annotations

from collections.abc import Callable

from dockerflow_mw.checks.registry import Check
from dockerflow_mw.checks.results import ChecksResults
from dockerflow_mw.checks.runner import Runner

Run = Callable[[Runner, list[Check]], ChecksResults]
