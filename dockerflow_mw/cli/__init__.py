"""The command ``dockerflow-mw``, with the subcommand ``migrate``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from dockerflow_mw.cli import migrate

__all__ = ["main"]

_MIGRATE = "Move a project from python-dockerflow to dockerflow-mw."


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # argparse would print the usage before the sentence.
        self.exit(2, f"{self.prog}: {message.rstrip('.')}; see {self.prog} --help.\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: the arguments; by default those of the process.

    Returns:
        The exit code: 0, or 1 if a file cannot be written or nobody reads the output.

    Raises:
        SystemExit: an argument is invalid (code 2), or asks for help (code 0).
    """
    parser = _Parser(
        prog="dockerflow-mw", description="Tools for dockerflow-mw.", allow_abbrev=False
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    command = commands.add_parser(
        "migrate", help=_MIGRATE, description=_MIGRATE, allow_abbrev=False
    )
    command.add_argument("path", metavar="PATH", help="a file or a folder")
    command.add_argument(
        "--write", action="store_true", help="write the changes instead of a diff"
    )
    arguments = parser.parse_args(argv)
    if not os.path.exists(arguments.path):
        command.error(f"{arguments.path!r} does not exist")
    try:
        return migrate.run(Path(arguments.path), write=arguments.write)
    except BrokenPipeError:
        # A reader such as head has closed the pipe. Without a new stdout, Python would
        # print a traceback when it flushes the old one at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
