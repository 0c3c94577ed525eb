"""Runs one service with one of the two packages and one set-up of logging.

    python -m tests.compat.logged flask dockerflow basicConfig

The service gets three requests. Before each request its path is written to stdout and
stderr, so that the lines of a request stand between two paths.
"""

from __future__ import annotations

import importlib
import logging
import logging.config
import sys
import tempfile
from pathlib import Path

PATHS = ("/", "/boom", "/__heartbeat__")


def main(framework: str, package: str, setup: str) -> None:
    """Set logging up, and send the requests.

    Args:
        framework: the framework of a project.
        package: the package that the project uses.
        setup: ``"basicConfig"`` before the service is made, ``"dictConfig"`` after it
            is made and before it starts, or ``"none"``.
    """

    def configure() -> None:
        if setup == "dictConfig":
            logging.config.dictConfig(_configuration(package))

    if setup == "basicConfig":
        logging.basicConfig()
    project = importlib.import_module(f"tests.compat.projects.{framework}")
    with tempfile.TemporaryDirectory() as folder:
        if framework == "sanic":
            ask = project.make(package, Path(folder), configure)
        else:
            ask = project.make(package, Path(folder))
            configure()
        for path in PATHS:
            print(path, flush=True)
            print(path, file=sys.stderr, flush=True)
            ask("GET", path, {})


def _configuration(package: str) -> dict[str, object]:
    """Return a configuration that disables existing loggers, which is the default."""
    return {
        "version": 1,
        "handlers": {"stdout": {"class": f"{package}.logging.MozlogHandler"}},
        "root": {"handlers": ["stdout"], "level": "INFO"},
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
