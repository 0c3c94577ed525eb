"""Tests of imports, each in a new interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest

import dockerflow_mw

# Frameworks and clients of services, which applications install and choose.
OPTIONAL = {
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
}

PUBLIC = (
    "checks",
    "health",
    "logging",
    "middleware",
    "request_id",
    "settings",
    "signals",
    "summary",
    "version",
)

MAKE_WSGI = "import dockerflow_mw; dockerflow_mw.DockerflowMiddleware(lambda e, s: [])"
MAKE_ASGI = """
import dockerflow_mw
async def app(scope, receive, send): ...
dockerflow_mw.DockerflowMiddleware(app)
"""


def run(code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def loaded_by(code: str) -> set[str]:
    # The environment may have loaded modules before, as coverage does.
    before = "import sys; before = set(sys.modules)"
    return set(run(f"{before}\n{code}\nprint(*set(sys.modules) - before)").split())


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import dockerflow_mw", id="import"),
        pytest.param(MAKE_WSGI, id="WSGI"),
        pytest.param(MAKE_ASGI, id="ASGI"),
    ],
)
def test_no_framework_and_no_client_is_imported(code: str) -> None:
    loaded = loaded_by(code)
    assert loaded & OPTIONAL == set()
    assert "dockerflow_mw" in loaded


def test_the_command_needs_no_other_package() -> None:
    loaded = loaded_by("import dockerflow_mw.cli")
    assert loaded & {*OPTIONAL, "asgiref", "blinker", "asyncio"} == set()


def test_importing_the_package_imports_neither_asyncio_nor_logging() -> None:
    loaded = loaded_by("import dockerflow_mw")
    assert loaded & {"asyncio", "logging"} == set()


def test_public_names_are_imported_at_their_first_use() -> None:
    shown = run(
        "import dockerflow_mw\n"
        "print(dockerflow_mw.DockerflowMiddleware.__name__)\n"
        "print(dockerflow_mw.checks.__name__, dockerflow_mw.summary.__name__)\n"
        "from dockerflow_mw import DockerflowMiddleware, checks, summary\n"
        "print(summary is dockerflow_mw.summary)\n"
    )
    assert shown.splitlines() == [
        "DockerflowMiddleware",
        "dockerflow_mw.checks dockerflow_mw.summary",
        "True",
    ]


@pytest.mark.parametrize("module", ["dockerflow_mw", "dockerflow_mw.checks"])
def test_an_unknown_name_raises_an_attribute_error(module: str) -> None:
    shown = run(
        f"import {module} as module\n"
        "try: module.disk_fee\n"
        "except AttributeError as error: print(error)\n"
    )
    assert shown.strip() == f"module {module!r} has no attribute 'disk_fee'"


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_exists(name: str) -> None:
    shown = run(
        f"import dockerflow_mw.{name} as module\n"
        "names = module.__all__\n"
        "print(len(names) - len(set(names)))\n"
        "print([name for name in names if not hasattr(module, name)])\n"
        "print(set(names) - set(dir(module)))\n"
    )
    assert shown.splitlines() == ["0", "[]", "set()"]


def test_dir_lists_the_public_names_of_the_package() -> None:
    assert set(dir(dockerflow_mw)) >= set(dockerflow_mw.__all__)
