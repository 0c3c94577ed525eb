"""Promises about imports, each shown in a fresh interpreter."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dockerflow_mw

PACKAGE = Path(dockerflow_mw.__file__).parent

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


def run(code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import dockerflow_mw", id="import"),
        pytest.param(
            "import dockerflow_mw; dockerflow_mw.DockerflowMiddleware(lambda e, s: [])",
            id="WSGI",
        ),
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


FLOORS = (
    {
        "channel",
        "descriptor",
        "encoder",
        "formatter",
        "handler",
        "logging",
        "mozlog",
        "parse",
        "record",
        "redact",
        "request_id",
        "settings",
        "streams",
        "turns",
    },
    {
        "announcement",
        "checks",
        "endpoints",
        "health",
        "heartbeat",
        "reply",
        "request_log",
        "signals",
        "summary",
        "version",
    },
    {"asgi", "interface", "middleware", "wsgi"},
    {"cli", "django", "fastapi", "flask", "sanic"},
)


def floor_of(module: str) -> int:
    return next(i for i, modules in enumerate(FLOORS) if module in modules)


def imported(file: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = {n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)}
    names |= {
        f"{n.module}.{alias.name}"
        for n in nodes
        if isinstance(n, ast.ImportFrom) and n.module == PACKAGE.name
        for alias in n.names
    }
    names |= {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    return {n.split(".")[1] for n in names if n.startswith(f"{PACKAGE.name}.")}


def modules() -> list[Path]:
    files = PACKAGE.rglob("*.py")
    return sorted(file for file in files if file != PACKAGE / "__init__.py")


def test_a_module_imports_only_from_its_own_floor_or_a_lower_one() -> None:
    upward = [
        (str(file.relative_to(PACKAGE)), name)
        for file in modules()
        for name in imported(file)
        if floor_of(name) > floor_of(file.relative_to(PACKAGE).parts[0].split(".")[0])
    ]
    assert upward == []
    assert imported(PACKAGE / "middleware.py") >= {"asgi", "wsgi", "endpoints"}


def test_every_name_that_is_offered_is_there() -> None:
    from dockerflow_mw import checks
    from dockerflow_mw import logging as dockerflow_logging

    for module in (dockerflow_mw, checks, dockerflow_logging):
        assert len(set(module.__all__)) == len(module.__all__)
        assert all(hasattr(module, name) for name in module.__all__)
