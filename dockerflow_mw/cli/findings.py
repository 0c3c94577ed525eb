"""What a person has to look at: names, subclasses and dependencies."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from dockerflow_mw.cli.names import (
    NEW,
    OLD,
    problem,
    with_new_root,
    with_old_root,
)
from dockerflow_mw.cli.paths import Role

MIDDLEWARE = "dockerflow.django.middleware.DockerflowMiddleware"
UNUSED_METHODS = ("process_request", "process_response")

_NAME = r"(?<![\w./@-])dockerflow"
_VERSION = r"\s*(?:\[[\w\s,.-]*\]|[=~!<>]=|[<>;]|@\s)"
_DEPENDENCY = re.compile(
    rf"""{_NAME}{_VERSION}                              # dockerflow[flask]>=2024.4
    | ^\s*(?:-\s+)?["']?dockerflow["']?\s*,?\s*(?:\#.*|\\)?$    # alone on a line
    | ["']dockerflow["']\s*[],]                         # in a list
    | ^\s*dockerflow\s*=\s*["'{{]                       # dockerflow = "^2024.4"
    | \binstall\b.*{_NAME}(?![\w.-])                    # pip install dockerflow""",
    re.VERBOSE,
)


class Finding(NamedTuple):
    """A line that a person has to look at."""

    line: int
    sentence: str


def unreadable(kind: str, error: Exception) -> Finding:
    """Return the finding about a file that is not what its name says.

    Args:
        kind: what the file should be.
        error: why it cannot be read as such.
    """
    line = getattr(error, "lineno", None) or 1
    reason = getattr(error, "msg", None) or error
    return Finding(line, f"The file is unchanged: it is no valid {kind} ({reason}).")


def of_path(line: int, path: str, named: Role) -> set[Finding]:
    """Return the findings about a dotted path in a string or a configuration.

    Args:
        line: the number of its line.
        path: a match of `dockerflow_mw.cli.names.PATH`.
        named: what the path names.
    """
    if named == "unclear" and not path.startswith(NEW):
        new = with_new_root(path)
        sentence = (
            f"{path} stays, as it may name a logger or an endpoint;"
            f" the module is now {new}."
        )
        return {Finding(line, sentence)}
    difference = problem(with_old_root(path))
    return {Finding(line, difference)} if named == "object" and difference else set()


def is_dependency(line: str) -> bool:
    """Return whether a line of a configuration may depend on python-dockerflow."""
    return _DEPENDENCY.search(line) is not None


def dependency(line: int) -> Finding:
    """Return the finding about a line that may depend on python-dockerflow."""
    return Finding(
        line, "If this is a dependency, replace dockerflow by dockerflow-mw."
    )


def of_python(tree: ast.Module, file_name: str) -> Iterator[Finding]:
    """Yield the findings in a module of Python.

    Args:
        tree: the module.
        file_name: the last part of the module's path.
    """
    known = _bound_paths(tree)
    yield from _names(tree, known)
    yield from _subclasses(tree, known)
    for node in ast.walk(tree):
        match node:
            case ast.Constant(str(text)) if re.match(f"{OLD}{_VERSION}", text):
                yield dependency(node.lineno)
            case ast.Constant("dockerflow") if file_name == "setup.py":
                yield dependency(node.lineno)


def _imports(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Yield the line, the new name and the path of each import of the package."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                for alias in node.names:
                    path = with_old_root(alias.name)
                    bound = alias.asname or alias.name.partition(".")[0]
                    yield alias.lineno, bound, path
            case ast.ImportFrom(module=str(source), level=0):
                for alias in node.names:
                    path = f"{with_old_root(source)}.{alias.name}"
                    yield alias.lineno, alias.asname or alias.name, path


def _is_ours(path: str) -> bool:
    return path.partition(".")[0] == OLD and not path.endswith(".*")


def _bound_paths(tree: ast.Module) -> dict[str, str]:
    """Return the path for each name that stands only for something of the package."""
    paths = {}
    for _, name, path in _imports(tree):
        if _is_ours(path):
            # The statement "import dockerflow.checks" binds "dockerflow".
            paths[name] = OLD if name in (OLD, NEW) else path
    for node in ast.walk(tree):
        match node:
            case ast.Name(other, ast.Store()) | ast.arg(other):
                paths.pop(other, None)
    return paths


def _path_of(node: ast.AST, known: dict[str, str]) -> str | None:
    """Return the path of an expression such as ``checks.registry``, or ``None``."""
    match node:
        case ast.Name(name):
            return known.get(name)
        case ast.Attribute(value, name):
            path = _path_of(value, known)
            return path and f"{path}.{name}"
    return None


def _names(tree: ast.Module, known: dict[str, str]) -> Iterator[Finding]:
    used = [(line, path) for line, _, path in _imports(tree) if _is_ours(path)]
    used += [
        (node.lineno, path)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and (path := _path_of(node, known))
    ]
    for line, path in used:
        if sentence := problem(path):
            yield Finding(line, sentence)


def _subclasses(tree: ast.Module, known: dict[str, str]) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        if MIDDLEWARE not in [_path_of(base, known) for base in node.bases]:
            continue
        # A class derived from this one has the same base.
        known = {**known, node.name: MIDDLEWARE}
        for method in node.body:
            match method:
                case ast.FunctionDef(name) if name in UNUSED_METHODS:
                    instead = "override __call__ or _build_extra_meta instead"
                    sentence = f"{node.name}.{name} stops the start; {instead}."
                    yield Finding(method.lineno, sentence)
