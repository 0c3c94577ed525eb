"""The names of python-dockerflow, and whether this package has them.

The source of this package answers that. An import would need the frameworks.
"""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

OLD, NEW = "dockerflow", "dockerflow_mw"

PACKAGE = Path(__file__).parents[1]

# A dotted path of a module or of an object in it, under the old or the new name. Ids of
# messages ("dockerflow.health.E001"), file names and URLs are no such paths.
PATH = re.compile(
    r"""(?<![\w./@-]) dockerflow(?:_mw)?
        (?= \.(?:checks|django|fastapi|flask|health|logging|sanic|version)\b)
        (?! \.health\.[A-Z]\d)
        (?: \.[A-Za-z_]\w*)+ (?![\w-])""",
    re.ASCII | re.VERBOSE,
)

# Modules whose names are also the names of loggers (or their parents) or of an endpoint
# of Flask. Django has an application "dockerflow.django" as well.
APPLICATION = "dockerflow.django"
AMBIGUOUS = {
    APPLICATION,
    "dockerflow.checks",
    "dockerflow.checks.registry",
    "dockerflow.fastapi",
    "dockerflow.fastapi.views",
    "dockerflow.flask",
    "dockerflow.sanic",
    "dockerflow.version",
}


def with_old_root(path: str) -> str:
    """Return a dotted path that begins with ``dockerflow``, not ``dockerflow_mw``."""
    root, dot, rest = path.partition(".")
    return f"{OLD if root == NEW else root}{dot}{rest}"


def with_new_root(path: str) -> str:
    """Return a path below ``dockerflow`` with the root ``dockerflow_mw``."""
    return f"{NEW}{path.removeprefix(OLD)}"


def is_module(path: str) -> bool:
    """Return whether this package has that module below ``dockerflow``."""
    return path in _modules()


def problem(path: str) -> str | None:
    """Return a sentence about a path that works differently here, or ``None``.

    Args:
        path: the dotted path of a module, of a name in it, or of an attribute of that
            name, below ``dockerflow``.
    """
    module, name = path, ""
    while not is_module(module):
        module, _, name = module.rpartition(".")
    if not name or (name.startswith("__") and name.endswith("__")):
        return None
    if name.startswith("_"):
        return f"{module}.{name} is private; use a public name instead."
    if name not in _names(module):
        return f"{module}.{name} does not exist in {NEW}; remove or replace it."
    return None


@functools.cache
def _modules() -> dict[str, Path]:
    found = {}
    for file in PACKAGE.rglob("*.py"):
        inside = file.relative_to(PACKAGE).with_suffix("").parts
        parts = inside[:-1] if inside[-1] == "__init__" else inside
        found[".".join((OLD, *parts))] = file
    return found


@functools.cache
def _names(module: str) -> frozenset[str]:
    """Return the names that a module binds, outside of its functions and classes."""
    names: set[str] = set()
    nodes: list[ast.AST] = [*ast.parse(_modules()[module].read_bytes()).body]
    while nodes:
        match nodes.pop():
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() as defined:
                names.add(defined.name)
            case ast.ImportFrom(module=str(source), names=[ast.alias(name="*")]):
                names |= _names(with_old_root(source))
            case ast.Import(aliases) | ast.ImportFrom(names=aliases):
                names |= {alias.asname or alias.name for alias in aliases}
            case ast.Name(name, ast.Store()):
                names.add(name)
            case node:
                nodes += ast.iter_child_nodes(node)
    return frozenset(names)
