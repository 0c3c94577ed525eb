"""Rewrites the content of one file from ``dockerflow`` to ``dockerflow_mw``.

All other bytes stay as they are: line endings, the encoding, and the layout.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dockerflow_mw.cli import findings
from dockerflow_mw.cli.findings import Finding
from dockerflow_mw.cli.names import NEW, OLD, PATH
from dockerflow_mw.cli.paths import position_in_line, role, strings

_LINE_END = re.compile(rb"\r\n?|\n")
_FROM = re.compile(rb"from[\s\\]+")
_QUOTE = re.compile(rb"""[A-Za-z]{0,2}(?:'''|\"""|'|")""")


class Rewritten(NamedTuple):
    """The new content of a file, and what a person has to look at."""

    data: bytes
    findings: set[Finding]


class _Edit(NamedTuple):
    """The text that replaces ``dockerflow``, after a prefix at a node's place."""

    node: ast.alias | ast.stmt | ast.expr
    prefix: re.Pattern[bytes] | None
    replacement: str


def rewrite_python(data: bytes, file_name: str) -> Rewritten:
    """Rewrite the imports, and the dotted paths in strings, of a module of Python.

    Args:
        data: the content of the module.
        file_name: the last part of the module's path.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in the project's strings
            tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        return Rewritten(data, {findings.unreadable("Python", error)})
    edits = [*_imports(tree)]
    found = {*findings.of_python(tree, file_name)}
    for node, path, position in strings(tree):
        named = role(path, position)
        if named == "object" and path.startswith(f"{OLD}."):
            edits.append(_Edit(node, _QUOTE, NEW))
        found |= findings.of_path(node.lineno, path, named)
    return Rewritten(_edited(text.encode(), edits).decode().encode(encoding), found)


def rewrite_configuration(data: bytes) -> Rewritten:
    """Rewrite the dotted paths in a file of ini, toml, yaml or requirements.

    Args:
        data: the content of the file.
    """
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError as error:
        return Rewritten(data, {findings.unreadable("UTF-8", error)})
    found: set[Finding] = set()
    for number, line in enumerate(lines, 1):
        if findings.is_dependency(line):
            found.add(findings.dependency(number))
        pieces, end = [], 0
        for match in PATH.finditer(line):
            path = match[0]
            named = role(path, position_in_line(line, match))
            found |= findings.of_path(number, path, named)
            if named == "object" and path.startswith(f"{OLD}."):
                pieces += [line[end : match.start()], NEW]
                end = match.start() + len(OLD)
        lines[number - 1] = "".join([*pieces, line[end:]])
    return Rewritten("\n".join(lines).encode(), found)


def _imports(tree: ast.Module) -> Iterator[_Edit]:
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(source), level=0):
                if source.partition(".")[0] == OLD:
                    yield _Edit(node, _FROM, NEW)
            case ast.Import():
                for alias in node.names:
                    if alias.name.partition(".")[0] == OLD:
                        yield _Edit(alias, None, _imported(alias))


def _imported(alias: ast.alias) -> str:
    """Return what replaces ``dockerflow`` in ``import dockerflow.checks``."""
    if alias.asname:
        return NEW
    # The code uses the name "dockerflow" afterwards, which this statement binds.
    bound = f"{NEW} as {OLD}"
    return bound if alias.name == OLD else f"{bound}, {NEW}"


def _edited(source: bytes, edits: Iterable[_Edit]) -> bytes:
    """Return the source with edits; nodes have their places in UTF-8."""
    starts = [0, *(end.end() for end in _LINE_END.finditer(source))]
    places = []
    for node, prefix, replacement in edits:
        place = starts[node.lineno - 1] + node.col_offset
        if prefix and (before := prefix.match(source, place)):
            place = before.end()
        places.append((place, replacement.encode()))
    for place, replaced in sorted(places, reverse=True):
        # A string with escapes, such as "\x64ockerflow.flask", stays as it is.
        if source.startswith(OLD.encode(), place):
            source = source[:place] + replaced + source[place + len(OLD) :]
    return source
