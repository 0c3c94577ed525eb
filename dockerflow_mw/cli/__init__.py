"""The command ``dockerflow-mw``, with one module a subcommand."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from dockerflow_mw.cli import migrate

__all__ = ["main"]

# The module of a subcommand has a docstring, `add_arguments(parser)` and
# `run(arguments) -> int`.
COMMANDS = {"migrate": migrate}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # argparse would print the usage before the sentence.
        self.exit(2, f"{self.prog}: {message.rstrip('.')}; see {self.prog} --help.\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand.

    Args:
        argv: the arguments; by default those of the process.

    Returns:
        The exit code of the subcommand.

    Raises:
        SystemExit: an argument is invalid (code 2), or asks for help (code 0).
    """
    parser = _Parser(prog="dockerflow-mw", description="Tools for dockerflow-mw.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, module in COMMANDS.items():
        about = (module.__doc__ or "").partition("\n")[0]
        command = commands.add_parser(name, help=about, description=about)
        module.add_arguments(command)
    arguments = parser.parse_args(argv)
    try:
        code: int = COMMANDS[arguments.command].run(arguments)
    except BrokenPipeError:
        # A reader such as head has closed the pipe. Without a new stdout, Python would
        # print a traceback when it flushes the old one at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    return code
