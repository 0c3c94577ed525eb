"""The benchmarks, which ``nox -s bench`` runs."""

import os
import sys

WITHOUT_ORJSON = "BENCHMARKS_WITHOUT_ORJSON"

# Here, because what is measured imports it, and in the processes that are started too.
if WITHOUT_ORJSON in os.environ:
    sys.modules["orjson"] = None  # type: ignore[assignment]  # not to be imported
