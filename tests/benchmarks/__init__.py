"""The benchmarks of ``nox -s bench``."""

import os
import sys

WITHOUT_ORJSON = "BENCHMARKS_WITHOUT_ORJSON"

# Before any candidate imports orjson, and in child processes as well.
if WITHOUT_ORJSON in os.environ:
    sys.modules["orjson"] = None  # type: ignore[assignment]  # import orjson fails
