"""Decides which dotted paths name objects here, and which name loggers.

"dockerflow.flask" is a module and a logger. Loggers keep their names.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

from dockerflow_mw.cli.names import (
    APPLICATION,
    LOGGERS,
    PATH,
    is_module,
    problem,
    with_old_root,
)

Position: TypeAlias = Literal["logger", "call", "other"]
Role: TypeAlias = Literal["object", "logger", "unclear"]

# Calls and keywords that take the name of a logger, or its beginning.
CALLS = {
    "Filter",
    "assertLogs",
    "assertNoLogs",
    "at_level",
    "getChild",
    "getLogger",
    "ignore_logger",
    "set_level",
    "startswith",
}
KEYWORDS = {"logger", "logger_name", "loggers", "name", "qualname"}

_KEY = re.compile(r"""["']?\s*(?:=|:(?:\s|$))""")
_VALUE = re.compile(rf"""\b(?:{"|".join(sorted(KEYWORDS))})["']?\s*[=:]\s*["']?$""")
_TABLE = re.compile(r"\s*\[[^=,]*\]\s*(?:#.*)?$")


def role(path: str, position: Position) -> Role:
    """Return what a path names: an object of the package, a logger, or either.

    Args:
        path: a match of `dockerflow_mw.cli.names.PATH`.
        position: where the path stands. An item of a list is ``"other"``.
    """
    path = with_old_root(path)
    is_object = not is_module(path) and problem(path) is None
    if position == "logger" and not is_object:
        return "logger"
    if position == "call" or path == APPLICATION or path not in LOGGERS:
        return "object"
    return "unclear"


def position_in_line(line: str, found: re.Match[str]) -> Position:
    """Return the position of a path in a line of ini, toml or yaml."""
    is_key = _KEY.match(line, found.end()) or _TABLE.match(line)
    is_value = _VALUE.search(line[: found.start()])
    return "logger" if is_key or is_value else "other"


def position_in_tree(node: ast.expr, parents: dict[ast.AST, ast.AST]) -> Position:
    """Return the position of a string in a module of Python.

    Args:
        node: the string.
        parents: the parent of each node of the module.
    """
    child: ast.AST = node
    parent = parents[node]
    while isinstance(parent, (ast.List, ast.Set, ast.Starred, ast.Tuple)):
        child, parent = parent, parents[parent]
    is_logger = False
    match parent:
        case ast.Compare(comparators=[*_, last]):
            is_logger = not ast.unparse(last).endswith("INSTALLED_APPS")
        case ast.MatchValue():
            is_logger = True
        case ast.Dict(keys):
            is_logger = child in keys
        case ast.Subscript(slice=index):
            is_logger = child is index
        case ast.keyword(arg):
            is_logger = arg in KEYWORDS
        case ast.Assign(targets=[target]) | ast.AnnAssign(target=target):
            is_logger = "logger" in ast.unparse(target).lower()
        case ast.Call(function):
            is_logger = ast.unparse(function).rpartition(".")[2] in CALLS
    if is_logger:
        return "logger"
    return "call" if isinstance(parent, ast.Call) and child is node else "other"


def strings(tree: ast.Module) -> Iterator[tuple[ast.Constant, str, Position]]:
    """Yield the strings that are paths as a whole, with the path and the position.

    Skips annotations, whose names the module binds, and parts of f-strings.
    """
    parents = {c: node for node in ast.walk(tree) for c in ast.iter_child_nodes(node)}
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        match node:
            case (
                ast.arg(annotation=ast.expr() as root) | ast.AnnAssign(annotation=root)
            ):
                skipped.update(ast.walk(root))
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node.returns:
                skipped.update(ast.walk(node.returns))
            case ast.JoinedStr(values=parts):
                skipped.update(parts)
            case ast.Constant(str(text)) if PATH.fullmatch(text):
                if node not in skipped:
                    yield node, text, position_in_tree(node, parents)
