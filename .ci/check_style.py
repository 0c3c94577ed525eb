"""Check what ruff and import-linter cannot: circles, sizes, and opening words.

Run from the root of the repository, in an environment with import-linter.
"""

from __future__ import annotations

import ast
import graphlib
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import grimp

PACKAGE = "dockerflow_mw"
SOURCES = (PACKAGE, "tests", "examples", "noxfile.py", ".ci")

MODULE_LINES, FUNCTION_LINES = 350, 40

_REFUSED = "Who|Whoever|What|Of|Else|Nobody"
COMMENT_OPENERS = re.compile(rf"#+\s*({_REFUSED})\b")
DOCSTRING_OPENERS = re.compile(rf"\s*({_REFUSED}|Give|Tell|Have)\b")

Defined = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def main() -> int:
    """Print every problem with its place; return 1 if there is one, else 0."""
    problems = [*circles()]
    for path in python_files():
        problems += [*comments(path), *docstrings(path)]
        if path.parts[0] == PACKAGE:
            problems += sizes(path)
    for problem in problems:
        print(problem)
    return int(bool(problems))


def python_files() -> Iterator[Path]:
    """Yield the Python files to check."""
    for name in SOURCES:
        path = Path(name)
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def comments(path: Path) -> Iterator[str]:
    """Yield the comments that open with a refused word.

    Only the first line of a block of comments is its opening.
    """
    previous = 0
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type != tokenize.COMMENT:
                continue
            line = token.start[0]
            own_line = token.line.lstrip().startswith("#")
            opens = not own_line or line != previous + 1
            if opens and (found := COMMENT_OPENERS.match(token.string)):
                yield f"{path}:{line}: comment opens with {found[1]}"
            previous = line if own_line else 0


def docstrings(path: Path) -> Iterator[str]:
    """Yield the docstrings that open with a refused word."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Defined):
            text = ast.get_docstring(node, clean=False) or ""
            if found := DOCSTRING_OPENERS.match(text):
                yield f"{path}:{node.body[0].lineno}: docstring opens with {found[1]}"


def sizes(path: Path) -> Iterator[str]:
    """Yield the module, if it is too long, and its functions that are too long."""
    text = path.read_text()
    lines = len(text.splitlines())
    if lines > MODULE_LINES:
        yield f"{path}:1: module has {lines} lines, more than {MODULE_LINES}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = length(node)
            if lines > FUNCTION_LINES:
                yield (
                    f"{path}:{node.lineno}: function {node.name} has {lines} lines,"
                    f" more than {FUNCTION_LINES}"
                )


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the number of lines of a function without its docstring."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        lines -= (docstring.end_lineno or 0) - docstring.lineno + 1
    return lines


def circles() -> Iterator[str]:
    """Yield a circle of imports, those for types included, if there is one.

    import-linter's contract `acyclic_siblings` does not see a circle between a
    package and a module in it.
    """
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    imports = {
        module: graph.find_modules_directly_imported_by(module)
        for module in graph.modules
    }
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        yield f"circle: {' imports '.join(reversed(error.args[1]))}"


if __name__ == "__main__":
    sys.exit(main())
