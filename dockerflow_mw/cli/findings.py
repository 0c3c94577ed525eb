"""Finds places that a person must look at: names, subclasses, dependencies."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from dockerflow_mw.cli.names import NEW, OLD, problem

MIDDLEWARES = {f"{root}.django.middleware.DockerflowMiddleware" for root in (OLD, NEW)}
DJANGO_REGISTER = "django.core.checks.register"
UNUSED_METHODS = ("process_request", "process_response")

# The name at the start of a line or of a string, before a version, an extra, another
# item or the end: "dockerflow[flask]>=2024.4", '["dockerflow"]', "- dockerflow".
_DEPENDENCY = re.compile(r"""(?:^[\s-]*|["'])dockerflow["']?\s*(?:[][<>=~!@;,\\#]|$)""")


class Finding(NamedTuple):
    """A line that a person has to look at."""

    line: int
    sentence: str


def of_text(line: int, text: str) -> Iterator[Finding]:
    """Yield the finding about a text that may depend on python-dockerflow.

    Args:
        line: the number of its line.
        text: a line of a configuration, or a string of Python.
    """
    if _DEPENDENCY.search(text):
        sentence = "If this is a dependency, replace dockerflow by dockerflow-mw."
        yield Finding(line, sentence)


def of_python(tree: ast.Module) -> Iterator[Finding]:
    """Yield the findings in a module of Python, also if it is already changed.

    Args:
        tree: the module.
    """
    bound = _bound_paths(tree)
    used = [(line, path) for line, _, path in _imports(tree)]
    for node in ast.walk(tree):
        match node:
            case ast.Attribute():
                used.append((node.lineno, _path_of(node, bound)))
            case ast.ClassDef():
                if MIDDLEWARES & {_path_of(base, bound) for base in node.bases}:
                    yield from _unused_methods(node)
            case ast.Constant(str(text)) if text != OLD:  # a logger has this name too
                yield from of_text(node.lineno, text)
    for line, path in used:
        if path == DJANGO_REGISTER:
            advice = "list the check in DOCKERFLOW_CHECKS"
            yield Finding(line, f"The heartbeat runs no checks of Django; {advice}.")
        if sentence := problem(path):
            yield Finding(line, sentence)


def _imports(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Yield the line, the name that is bound and the path of each import."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(aliases):
                for alias in aliases:
                    name = alias.asname or alias.name.partition(".")[0]
                    yield alias.lineno, name, alias.name
            case ast.ImportFrom(str(source), aliases, 0):
                for alias in aliases:
                    name = alias.asname or alias.name
                    yield alias.lineno, name, f"{source}.{alias.name}"


def _bound_paths(tree: ast.Module) -> dict[str, str]:
    """Return the path for each name that only an import binds."""
    paths = {}
    for _, name, path in _imports(tree):
        # The statement "import dockerflow.checks" binds "dockerflow".
        paths[name] = name if path.startswith(f"{name}.") else path
    for node in ast.walk(tree):
        match node:
            case ast.Name(other, ast.Store()) | ast.arg(other):
                paths.pop(other, None)
    return paths


def _path_of(node: ast.expr, bound: dict[str, str]) -> str:
    """Return the path of an expression such as ``checks.registry``, or ``""``."""
    match node:
        case ast.Name(name):
            return bound.get(name, "")
        case ast.Attribute(value, name):
            return f"{_path_of(value, bound)}.{name}"
    return ""


def _unused_methods(node: ast.ClassDef) -> Iterator[Finding]:
    """Yield the findings about methods of a middleware that nothing calls here."""
    for method in node.body:
        match method:
            case ast.FunctionDef(name) if name in UNUSED_METHODS:
                instead = "override __call__ or _build_extra_meta instead"
                sentence = f"{node.name}.{name} stops the start; {instead}."
                yield Finding(method.lineno, sentence)
