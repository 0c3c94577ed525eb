"""Promises about imports, each shown in a fresh interpreter."""

from __future__ import annotations

import functools
import subprocess
import sys

import pytest

import dockerflow_mw

HEAVY = (
    "alembic",
    "django",
    "fastapi",
    "flask",
    "httpx",
    "redis",
    "sanic",
    "sqlalchemy",
    "starlette",
    "werkzeug",
)

MAKE = "import dockerflow_mw; dockerflow_mw.DockerflowMiddleware(lambda e, s: [])"


def run(code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import dockerflow_mw", id="import"),
        pytest.param(MAKE, id="WSGI"),
        pytest.param(
            "import dockerflow_mw\n"
            "async def app(scope, receive, send): ...\n"
            "dockerflow_mw.DockerflowMiddleware(app)",
            id="ASGI",
        ),
    ],
)
def test_no_framework_and_no_client_is_imported(code: str) -> None:
    loaded = run(f"{code}\nimport sys\nprint(*sys.modules)").split()
    assert set(HEAVY) & set(loaded) == set()
    assert "dockerflow_mw.middleware" in loaded


# What only some deployments have a use for, and only some values.
RARE = (
    "asgiref",
    "decimal",
    "difflib",
    "dockerflow_mw.checks.builtin",
    "hmac",
    "pkgutil",
    "random",
    "secrets",
    "shutil",
    "uuid",
)

# What a middleware needs, and a process that makes none does not.
SERVING = (
    "asyncio",
    "blinker",
    "dockerflow_mw.protocols.asgi",
    "dockerflow_mw.checks.results",
    "dockerflow_mw.checks.runner",
    "dockerflow_mw.endpoints",
    "dockerflow_mw.protocols.wsgi",
    "pathlib",
)


@functools.cache
def loaded_by(code: str) -> set[str]:
    # Without orjson, which loads some of them itself, and not counting what the
    # environment has loaded before.
    before = "import sys; sys.modules['orjson'] = None; before = set(sys.modules)"
    return set(run(f"{before}\n{code}\nprint(*set(sys.modules) - before)").split())


@pytest.mark.parametrize("module", [*RARE, *SERVING])
def test_an_import_loads_nothing_that_it_has_no_use_for(module: str) -> None:
    loaded = loaded_by("import dockerflow_mw")
    assert module not in loaded
    assert loaded >= {"dockerflow_mw", "dockerflow_mw.checks", "dockerflow_mw.summary"}


@pytest.mark.parametrize("module", RARE)
def test_a_middleware_loads_nothing_that_only_some_have_a_use_for(module: str) -> None:
    loaded = loaded_by(MAKE)
    assert module not in loaded
    assert loaded >= {*SERVING} - {"dockerflow_mw.protocols.asgi"}


def test_an_import_compiles_no_pattern_of_what_has_to_be_masked() -> None:
    shown = run(
        "import re, sys\n"
        "compile, by = re.compile, []\n"
        "def watched(*arguments):\n"
        "    by.append(sys._getframe(1).f_globals['__name__'])\n"
        "    return compile(*arguments)\n"
        "re.compile = watched\n"
        "from dockerflow_mw.redact import redact\n"
        "print('dockerflow_mw.redact' in by)\n"
        "redact('a')\n"
        "print('dockerflow_mw.redact' in by)\n"
    )
    assert shown.split() == ["False", "True"]


def test_a_check_s_name_is_there_before_it_is_imported() -> None:
    shown = run(
        "import sys\n"
        "from dockerflow_mw import checks\n"
        "print(sorted(set(checks.__all__) - set(dir(checks))))\n"
        "print('dockerflow_mw.checks.builtin' in sys.modules)\n"
        "print(checks.disk_free is checks.builtin.disk_free)\n"
        "print(checks.run_checks is checks.runner.run_checks)\n"
    )
    assert shown.splitlines() == ["[]", "False", "True", "True"]


def test_a_name_that_no_check_has_is_refused() -> None:
    shown = run(
        "import sys\n"
        "from dockerflow_mw import checks\n"
        "try: checks.disk_fee\n"
        "except AttributeError as error: print(error)\n"
        "print('dockerflow_mw.checks.builtin' in sys.modules)\n"
    )
    assert shown.splitlines() == [
        "module 'dockerflow_mw.checks' has no attribute 'disk_fee'",
        "False",
    ]


def test_every_name_that_is_offered_is_there() -> None:
    from dockerflow_mw import checks
    from dockerflow_mw import logging as dockerflow_logging

    for module in (dockerflow_mw, checks, dockerflow_logging):
        assert len(set(module.__all__)) == len(module.__all__)
        assert all(hasattr(module, name) for name in module.__all__)
