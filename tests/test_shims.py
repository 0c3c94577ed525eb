"""The shims use the documented API of their frameworks alone.

A private name of a framework may change in any release. The few private names below
are the only way to a feature, or belong to the shims themselves.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "dockerflow_mw"

# Django's and Flask-Login's users that are loaded already: reading the public
# `request.user` or `current_user` would ask the database.
READ = {"_cached_user", "_acached_user", "_login_user"}

# Attributes that the Django middleware itself sets, and the method of its subclasses.
OWN = {"_id", "_start_timestamp", "_build_extra_meta"}

PRIVATE = re.compile(r"_[A-Za-z0-9]\w*")


def private_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the lines and the private names of other packages in a module."""
    slots = {id(node) for names in _slots(tree) for node in ast.walk(names)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            names = [] if own or node.attr in OWN else [node.attr]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            own = module.split(".")[0] == PACKAGE.name
            names = [] if own else [*module.split("."), *(a.name for a in node.names)]
        elif isinstance(node, ast.Import):
            names = [part for alias in node.names for part in alias.name.split(".")]
        elif isinstance(node, ast.Constant) and id(node) not in slots:
            # The name may be an argument of getattr(), or a key of a namespace.
            names = [node.value] if isinstance(node.value, str) else []
        else:
            continue
        for name in names:
            if PRIVATE.fullmatch(name) and name not in READ:
                yield node.lineno, name


def _slots(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__slots__":
            yield node.value


@pytest.mark.parametrize("framework", ["django", "fastapi", "flask", "sanic"])
def test_a_shim_uses_no_private_name_of_its_framework(framework: str) -> None:
    files = sorted((PACKAGE / framework).rglob("*.py"))
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {name}"
        for path in files
        for line, name in private_names(ast.parse(path.read_text()))
    ]
    assert files
    assert found == []


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("pool._max_overflow", ["_max_overflow"]),
        ("self._app = app", []),
        ("self._app._handlers", ["_handlers"]),
        ("from flask import _cv_app", ["_cv_app"]),
        ("from sanic._internal import x", ["_internal"]),
        ("import asyncio._x", ["_x"]),
        ("from dockerflow_mw.flask import _x", []),
        ("getattr(user, '_wrapped', None)", ["_wrapped"]),
        ("vars(g).get('_login_user')", []),
        ("request._cached_user", []),
        ("request._id = 1", []),
        ("class A: __slots__ = ('_a', 'b')", []),
        ("A.__name__", []),
    ],
)
def test_a_private_name_is_found(code: str, names: list[str]) -> None:
    assert [name for _, name in private_names(ast.parse(code))] == names
