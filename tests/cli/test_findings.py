"""The findings of the migration: names, subclasses and dependencies."""

from __future__ import annotations

import pytest

from dockerflow_mw.cli.rewriting import rewrite_configuration, rewrite_python

DERIVED = """
from dockerflow.django import middleware

class First(middleware.DockerflowMiddleware):
    def process_request(self, request): ...
    def process_exception(self, request, exception): ...

class Second(middleware.DockerflowMiddleware):
    def process_response(self, request, response): ...

class Other(MiddlewareMixin):
    def process_request(self, request): ...
"""

DEPENDENCY = "If this is a dependency, replace dockerflow by dockerflow-mw."


OF_DJANGO = (
    "The heartbeat runs no checks of Django; list the check in DOCKERFLOW_CHECKS."
)


def missing(name: str) -> str:
    return f"dockerflow.{name} does not exist in dockerflow_mw; remove or replace it."


def private(name: str) -> str:
    return f"dockerflow.{name} is private; use a public name instead."


def unclear(name: str) -> str:
    return (
        f"dockerflow.{name} stays, as it may name a logger or an endpoint;"
        f" the module is now dockerflow_mw.{name}."
    )


PYTHON = [
    (
        "from dockerflow.flask.app import (\n    Dockerflow,\n    HeartbeatFailure,\n)",
        [(3, missing("flask.app.HeartbeatFailure"))],
    ),
    (
        "import dockerflow.checks.registry\nx = dockerflow.checks.registry.CheckFn",
        [(2, missing("checks.registry.CheckFn"))],
    ),
    (
        "from dockerflow.django import middleware as m\nm.extract_request_id(request)",
        [(2, missing("django.middleware.extract_request_id"))],
    ),
    (
        "from dockerflow.checks.registry import _REGISTERED_CHECKS",
        [(1, private("checks.registry._REGISTERED_CHECKS"))],
    ),
    (
        "from dockerflow.checks import registry\nregistry._run_check_async(x)",
        [(2, private("checks.registry._run_check_async"))],
    ),
    (
        "mocker.patch('dockerflow.flask.app.HeartbeatFailure')",
        [(1, missing("flask.app.HeartbeatFailure"))],
    ),
    ("import dockerflow.nothing", [(1, missing("nothing"))]),
    # These exist. The function has another object under the name.
    ("from dockerflow.checks import *\nimport dockerflow.django.signals", []),
    ("from dockerflow import version\nprint(version.__file__)", []),
    ("from dockerflow import version\ndef f(version): return version.commit", []),
    (
        DERIVED,
        [
            (
                line,
                f"{name} stops the start;"
                " override __call__ or _build_extra_meta instead.",
            )
            for line, name in (
                (5, "First.process_request"),
                (9, "Second.process_response"),
            )
        ],
    ),
    # Names of modules.
    ("NAMES = ['dockerflow.flask']", [(1, unclear("flask"))]),
    ("patch('dockerflow.django.checks')", [(1, unclear("django.checks"))]),
    (
        "X = {'APPS': ['dockerflow.django'], 'LOGGING': {}}",
        [(1, unclear("django"))],
    ),
    ("getLogger('dockerflow.flask')", []),
    ("CONFIG = {'dockerflow.sanic': {}}", []),
    ("INSTALLED_APPS = ['dockerflow.django']", []),
    # Checks that python-dockerflow's heartbeat runs.
    ("from django.core.checks import Error, register", [(1, OF_DJANGO)]),
    (
        'from django.core import checks\n\n@checks.register("urls")\ndef f(): 1',
        [(3, OF_DJANGO)],
    ),
    ("from dockerflow import checks\nchecks.register(f)", []),
    # Dependencies.
    ("session.install('dockerflow[flask]')", [(1, DEPENDENCY)]),
    ("LOGGERS = ['dockerflow']\ndockerflow = Dockerflow(app)", []),
]


@pytest.mark.parametrize(("text", "expected"), PYTHON)
def test_findings_in_python(text: str, expected: list[tuple[int, str]]) -> None:
    rewritten = rewrite_python(text.encode())
    assert sorted(rewritten.findings) == expected


def test_a_changed_file_has_the_same_findings() -> None:
    text = "from dockerflow.checks import STATUSES\nimport dockerflow.nothing"
    first = rewrite_python(text.encode())
    assert rewrite_python(first.data).findings == first.findings


CONFIGURATION = [
    ("django\ndockerflow\n", [(2, DEPENDENCY)]),
    ("dockerflow==2024.4.2 \\\n    --hash=sha256:00\n", [(1, DEPENDENCY)]),
    ("dockerflow [flask] >= 2024", [(1, DEPENDENCY)]),
    ("dockerflow @ git+https://example.org/dockerflow", [(1, DEPENDENCY)]),
    ('dependencies = ["django>=5", "dockerflow"]', [(1, DEPENDENCY)]),
    ('dockerflow = "^2024.4"', [(1, DEPENDENCY)]),
    ("dockerflow-mw>=1\npython-dockerflow\nmy.dockerflow\n", []),
    ("image: mozilla/dockerflow\nqualname = dockerflow\ndockerflow:\n", []),
    ("  - dockerflow.flask", [(1, unclear("flask"))]),
    ("dockerflow.flask:\nqualname = dockerflow.sanic", []),
    ('[loggers."dockerflow.sanic"]', []),
    ("f = dockerflow.logging.Nothing", [(1, missing("logging.Nothing"))]),
]


@pytest.mark.parametrize(("text", "expected"), CONFIGURATION)
def test_findings_in_configurations(text: str, expected: list[tuple[int, str]]) -> None:
    assert sorted(rewrite_configuration(text.encode()).findings) == expected
