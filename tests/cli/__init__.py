"""Tests of the command ``dockerflow-mw``."""
