"""The fixture of the rows that hold behind every door."""

from __future__ import annotations

from tests.contract.conftest import door as door
