"""The content of a file before and after."""

from __future__ import annotations

import pytest

from dockerflow_mw.cli.rewriting import rewrite_configuration, rewrite_python

# Pairs of a module's text and its replacement; None for a text that stays.
PYTHON = [
    # Imports.
    ("import dockerflow", "import dockerflow_mw as dockerflow"),
    ("import dockerflow as d", "import dockerflow_mw as d"),
    (
        "import dockerflow.flask.app",
        "import dockerflow_mw as dockerflow, dockerflow_mw.flask.app",
    ),
    ("import dockerflow.checks as c", "import dockerflow_mw.checks as c"),
    (
        "import os, dockerflow.checks",
        "import os, dockerflow_mw as dockerflow, dockerflow_mw.checks",
    ),
    ("def f():\n\timport dockerflow", "def f():\n\timport dockerflow_mw as dockerflow"),
    (
        "x = 'ä'; import dockerflow; y = 1  # dockerflow",
        "x = 'ä'; import dockerflow_mw as dockerflow; y = 1  # dockerflow",
    ),
    ("import \\\n  dockerflow as d\n", "import \\\n  dockerflow_mw as d\n"),
    ("from dockerflow import checks", "from dockerflow_mw import checks"),
    ("from  dockerflow import *", "from  dockerflow_mw import *"),
    (
        "from dockerflow.checks import (\n    Error,  # dockerflow\n    Info,\n)\n",
        "from dockerflow_mw.checks import (\n    Error,  # dockerflow\n    Info,\n)\n",
    ),
    (
        "if a: from \\\n dockerflow.flask import Dockerflow as D",
        "if a: from \\\n dockerflow_mw.flask import Dockerflow as D",
    ),
    ("from .dockerflow import checks", None),
    ("from backend.lib import dockerflow as lib", None),
    ("import dockerflow_settings, dockerflowery.checks", None),
    ("from dockerflow_mw import checks", None),
    # Code that uses the name.
    ("@dockerflow.checks.register\ndef f(): pass", None),
    # Strings that are a path as a whole.
    (
        "path = 'dockerflow.logging.JsonLogFormatter'",
        "path = 'dockerflow_mw.logging.JsonLogFormatter'",
    ),
    ('"""dockerflow.version.get_version"""', '"""dockerflow_mw.version.get_version"""'),
    (
        "mock.patch(\n  r'dockerflow.flask.app.Dockerflow')",
        "mock.patch(\n  r'dockerflow_mw.flask.app.Dockerflow')",
    ),
    (
        'X = {"a": {"b": [{"()": "dockerflow.logging.MozlogFormatter"}]}}',
        'X = {"a": {"b": [{"()": "dockerflow_mw.logging.MozlogFormatter"}]}}',
    ),
    (
        "p = 'ä', 'dockerflow.django.checks.' 'check_redis_connected'",
        "p = 'ä', 'dockerflow_mw.django.checks.' 'check_redis_connected'",
    ),
    (
        "assert 'dockerflow.django.middleware.DockerflowMiddleware' in MIDDLEWARE",
        "assert 'dockerflow_mw.django.middleware.DockerflowMiddleware' in MIDDLEWARE",
    ),
    ("'see dockerflow.logging.JsonLogFormatter'", None),
    ("f'dockerflow.django.views{x}'", None),
    ("'\\x64ockerflow.logging.JsonLogFormatter'", None),
    # A module: an application of Django, a logger or another use.
    ("APPS = ['dockerflow.django']", "APPS = ['dockerflow_mw.django']"),
    ("APPS += 'dockerflow.django',", "APPS += 'dockerflow_mw.django',"),
    (
        "assert 'dockerflow.django' in settings.INSTALLED_APPS",
        "assert 'dockerflow_mw.django' in settings.INSTALLED_APPS",
    ),
    (
        "configure(INSTALLED_APPS=['dockerflow.django'],"
        " LOGGING={'loggers': {'dockerflow.django': {}}})",
        "configure(INSTALLED_APPS=['dockerflow_mw.django'],"
        " LOGGING={'loggers': {'dockerflow.django': {}}})",
    ),
    ("X = {'APPS': ['dockerflow.django'], 'LOGGING': ['dockerflow.django']}", None),
    ("import_module('dockerflow.fastapi')", None),
    ("logging.getLogger('dockerflow.django')", None),
    ("for name in ('dockerflow.django', 'gunicorn'): getLogger(name)", None),
    ("LOGGING = {'loggers': {'dockerflow.django': {}}}", None),
    ("LOGGING['loggers']['dockerflow.flask'] = {}", None),
    ("caplog.at_level('INFO', logger='dockerflow.sanic')", None),
    ("assert record.name == 'dockerflow.django'", None),
    ("assert caplog.record_tuples == [('dockerflow.flask', 20, 'x')]", None),
    ("LOGGERS = ['dockerflow.django', 'request.summary', 'dockerflow']", None),
    # An id, and an endpoint of Flask.
    ("SILENCED = ['dockerflow.health.E001']", None),
    ("url_for('dockerflow.version')", None),
]


@pytest.mark.parametrize(("before", "after"), PYTHON)
def test_a_module_of_python_is_rewritten(before: str, after: str | None) -> None:
    once = rewrite_python(before.encode()).data
    assert once.decode() == (after or before)
    assert rewrite_python(once).data == once


CONFIGURATION = [
    (
        "class = dockerflow.logging.MozlogFormatter",
        "class = dockerflow_mw.logging.MozlogFormatter",
    ),
    (
        '  json: {"()": dockerflow.logging.JsonLogFormatter}  # ä',
        '  json: {"()": dockerflow_mw.logging.JsonLogFormatter}  # ä',
    ),
    (
        "a = ['dockerflow.logging.A', 'dockerflow.version.get_version'] # x\r\n",
        "a = ['dockerflow.logging.A', 'dockerflow_mw.version.get_version'] # x\r\n",
    ),
    ("INSTALLED_APPS: [dockerflow.django]", "INSTALLED_APPS: [dockerflow_mw.django]"),
    ("  - dockerflow.django", None),
    ("loggers:\n  dockerflow.django:\n    level: INFO", None),
    ("loggers: {'dockerflow.flask': {level: INFO}}", None),
    ("[logger_flask]\nqualname = dockerflow.flask", None),
    ('[loggers."dockerflow.django"]\nlevel = "INFO"', None),
    ("name: 'dockerflow.django'", None),
    ("silenced = dockerflow.health.E001", None),
    ("url: https://dockerflow.version.example/dockerflow.checks-latest", None),
    ("[mypy-dockerflow.checks]", None),
    ("module = my.dockerflow.checks.queue", None),
]


@pytest.mark.parametrize(("before", "after"), CONFIGURATION)
def test_a_configuration_is_rewritten(before: str, after: str | None) -> None:
    once = rewrite_configuration(before.encode()).data
    assert once.decode() == (after or before)
    assert rewrite_configuration(once).data == once


BYTES = [
    pytest.param(
        b"import os\r\nimport dockerflow\r\nx = 'a\\\r\nb'; import dockerflow as d\r\n",
        b"import os\r\nimport dockerflow_mw as dockerflow\r\n"
        b"x = 'a\\\r\nb'; import dockerflow_mw as d\r\n",
        id="CRLF",
    ),
    pytest.param(
        b"x = 1\rimport dockerflow as d\r",
        b"x = 1\rimport dockerflow_mw as d\r",
        id="CR",
    ),
    pytest.param(
        b"\xef\xbb\xbfimport dockerflow as d",
        b"\xef\xbb\xbfimport dockerflow_mw as d",
        id="byte order mark",
    ),
    pytest.param(
        b"# coding: latin-1\nx = '\xe9'; import dockerflow as d\n",
        b"# coding: latin-1\nx = '\xe9'; import dockerflow_mw as d\n",
        id="latin-1",
    ),
    pytest.param(
        "x = '\u2028\x0c'; import dockerflow as d".encode(),
        "x = '\u2028\x0c'; import dockerflow_mw as d".encode(),
        id="other line separators",
    ),
]


@pytest.mark.parametrize(("before", "after"), BYTES)
def test_line_ends_and_encodings_stay(before: bytes, after: bytes) -> None:
    assert rewrite_python(before).data == after
