"""Decides which dotted paths name objects, and which name loggers or endpoints.

"dockerflow.flask" is a module and a logger, and "dockerflow.version" is an endpoint of
Flask as well. Loggers and endpoints keep their names.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

from dockerflow_mw.cli.names import (
    AMBIGUOUS,
    APPLICATION,
    PATH,
    is_module,
    problem,
    with_old_root,
)

Position: TypeAlias = Literal["label", "object", "other"]
Role: TypeAlias = Literal["label", "object", "unclear"]

# Calls and keywords that take the name of a logger or of an endpoint.
LABELLING_CALLS = {
    "Filter",
    "assertLogs",
    "assertNoLogs",
    "at_level",
    "getChild",
    "getLogger",
    "ignore_logger",
    "set_level",
    "startswith",
    "url_for",
}
IMPORTING_CALLS = {"import_module", "import_string", "importorskip", "patch"}
KEYWORDS = {"logger", "logger_name", "loggers", "name", "qualname"}

_KEY = re.compile(r"""["']?\s*(?:=|:(?:\s|$))""")
_VALUE = re.compile(rf"""\b(?:{"|".join(sorted(KEYWORDS))})["']?\s*[=:]\s*["']?$""")
_TABLE = re.compile(r"\s*\[[^=,]*\]\s*(?:#.*)?$")


def role(path: str, position: Position) -> Role:
    """Return what a path names: an object, a label (logger, endpoint), or either.

    Args:
        path: a match of `dockerflow_mw.cli.names.PATH`.
        position: where the path stands. An item of a list is ``"other"``.
    """
    path = with_old_root(path)
    is_object = not is_module(path) and problem(path) is None
    if position == "label" and not is_object:
        return "label"
    if position == "other" and path in AMBIGUOUS - {APPLICATION}:
        return "unclear"
    return "object"


def position_in_line(line: str, found: re.Match[str]) -> Position:
    """Return the position of a path in a line of ini, toml or yaml."""
    is_key = _KEY.match(line, found.end()) or _TABLE.match(line)
    is_value = _VALUE.search(line[: found.start()])
    return "label" if is_key or is_value else "other"


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
    is_label = False
    match parent:
        case ast.Compare(comparators=[*_, last]):
            is_label = not ast.unparse(last).endswith("INSTALLED_APPS")
        case ast.MatchValue() | ast.For():
            is_label = True
        case ast.Dict(keys):
            is_label = child in keys
        case ast.Subscript(slice=index):
            is_label = child is index
        case ast.keyword(arg):
            is_label = arg in KEYWORDS
        case ast.Assign(targets=[target]) | ast.AnnAssign(target=target):
            is_label = "logger" in ast.unparse(target).lower()
        case ast.Call(function):
            called = ast.unparse(function).rpartition(".")[2]
            if called in IMPORTING_CALLS:
                return "object"
            is_label = called in LABELLING_CALLS
    return "label" if is_label else "other"


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
