"""Rewrites the content of one file from ``dockerflow`` to ``dockerflow_mw``.

All other bytes stay as they are: line endings, the encoding, and the layout.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from dockerflow_mw.cli import findings
from dockerflow_mw.cli.findings import Finding
from dockerflow_mw.cli.names import NEW, OLD, PATH, classify

# A node whose path begins with "dockerflow".
_Node: TypeAlias = ast.alias | ast.ImportFrom | ast.Constant

_LINE_END = re.compile(rb"\r\n?|\n")

# The text from the start of a node to the root of its path. A string with escapes, such
# as "\x64ockerflow.flask", has no match and stays.
_BEFORE = re.compile(rb"""(?:from[\s\\]+|[A-Za-z]{0,2}['"]{1,3})?(?=dockerflow)""")


class Rewritten(NamedTuple):
    """The new content of a file, and what a person has to look at."""

    data: bytes
    findings: set[Finding]


def rewrite_python(data: bytes) -> Rewritten:
    """Rewrite the imports, and the dotted paths in strings, of a module of Python.

    Args:
        data: the content of the module.

    Raises:
        SyntaxError: the module is not valid for this version of Python.
        UnicodeDecodeError: the module is not in its encoding.
    """
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    text = data.decode(encoding)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about escapes in the project's strings
        tree = ast.parse(text)
    nodes = [*_imports(tree)]
    found = {*findings.of_python(tree)}
    for node, path, context in _strings(tree):
        renamed, sentence = classify(path, context)
        if renamed:
            nodes.append(node)
        if sentence:
            found.add(Finding(node.lineno, sentence))
    return Rewritten(_edited(text.encode(), nodes).decode().encode(encoding), found)


def rewrite_configuration(data: bytes) -> Rewritten:
    """Rewrite the dotted paths in a file of ini, toml, yaml or requirements.

    Args:
        data: the content of the file.

    Raises:
        UnicodeDecodeError: the file is not in UTF-8.
    """
    lines = data.decode().split("\n")
    found: set[Finding] = set()
    for number, line in enumerate(lines, 1):
        found.update(findings.of_text(number, line))
        rewritten = line
        # From the last path to the first, as an edit moves the text after it.
        for match in reversed([*PATH.finditer(line)]):
            renamed, sentence = classify(match[0], line)
            if renamed:
                end = match.start() + len(OLD)
                rewritten = rewritten[: match.start()] + NEW + rewritten[end:]
            if sentence:
                found.add(Finding(number, sentence))
        lines[number - 1] = rewritten
    return Rewritten("\n".join(lines).encode(), found)


def _imports(tree: ast.Module) -> Iterator[_Node]:
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(str(source), level=0):
                if source.partition(".")[0] == OLD:
                    yield node
            case ast.Import(aliases):
                yield from (a for a in aliases if a.name.partition(".")[0] == OLD)


def _strings(tree: ast.Module) -> Iterator[tuple[ast.Constant, str, str]]:
    """Yield the strings that are a path as a whole, with the path and its context.

    The context is the innermost statement or keyword argument.
    """
    contexts: dict[ast.AST, ast.AST] = {}
    for node in ast.walk(tree):  # a parent comes before its children
        if isinstance(node, (ast.stmt, ast.keyword, ast.JoinedStr)):
            contexts[node] = node
        context = contexts.get(node, tree)
        for child in ast.iter_child_nodes(node):
            contexts[child] = context
        match node:
            case ast.Constant(str(text)) if PATH.fullmatch(text):
                # Python 3.11 does not know the places of the parts of an f-string.
                if not isinstance(context, ast.JoinedStr):
                    yield node, text, ast.unparse(context)


def _edited(source: bytes, nodes: list[_Node]) -> bytes:
    """Return the source with the new root in nodes; their places are in UTF-8."""
    starts = [0, *(end.end() for end in _LINE_END.finditer(source))]
    places = []
    for node in nodes:
        place = starts[node.lineno - 1] + node.col_offset
        if before := _BEFORE.match(source, place):
            places.append((before.end(), _replacement(node).encode()))
    for place, replaced in sorted(places, reverse=True):
        source = source[:place] + replaced + source[place + len(OLD) :]
    return source


def _replacement(node: _Node) -> str:
    """Return what replaces ``dockerflow`` in a node."""
    match node:
        # The code uses the name "dockerflow" afterwards, which this statement binds.
        case ast.alias("dockerflow", None):
            return f"{NEW} as {OLD}"
        case ast.alias(_, None):
            return f"{NEW} as {OLD}, {NEW}"
        case _:
            return NEW
