"""Runs ``python -m dockerflow_mw``, which is the command ``dockerflow-mw``."""

import sys

from dockerflow_mw.cli import main

if __name__ == "__main__":
    sys.exit(main())
