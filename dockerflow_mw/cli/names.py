"""The names of python-dockerflow: which exist here, and which stay.

The source of this package tells which exist. An import would need the frameworks.
"""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

OLD, NEW = "dockerflow", "dockerflow_mw"

PACKAGE = Path(__file__).parents[1]

# A dotted path of a module or of an object in it. Ids of messages, such as
# "dockerflow.health.E001", file names and URLs are no such paths.
PATH = re.compile(
    r"""(?<![\w./@-]) dockerflow
        (?= \.(?:checks|django|fastapi|flask|health|logging|sanic|version)\b)
        (?! \.health\.[A-Z]\d)
        (?: \.[A-Za-z_]\w*)+ (?![\w-])""",
    re.ASCII | re.VERBOSE,
)

# Text that has the names of loggers: a line such as "qualname = dockerflow.sanic" or
# "dockerflow.fastapi:", or a statement such as 'getLogger("dockerflow.django")'.
_LOGGERS = re.compile(r"""logg|caplog|qualname|\bdockerflow[\w.]*["']?:""", re.I)


def classify(path: str, context: str) -> tuple[bool, str | None]:
    """Return whether a path gets the new root, and what a person has to look at.

    The path of an object gets the new root. The path of a module may also be the name
    of a logger or of an endpoint, which stays: "dockerflow.flask" names both.

    Args:
        path: a match of `PATH` in a string or in a configuration.
        context: the statement, the argument or the line that the path stands in.
    """
    if path not in modules():
        sentence = problem(path)
        return sentence is None, sentence
    in_apps = "APPS" in context  # as in INSTALLED_APPS, the applications of Django
    in_loggers = _LOGGERS.search(context) is not None
    if in_apps != in_loggers:  # a dict of all settings has both
        return in_apps, None
    new = path.replace(OLD, NEW, 1)
    return False, (
        f"{path} stays, as it may name a logger or an endpoint;"
        f" the module is now {new}."
    )


def problem(path: str) -> str | None:
    """Return a sentence about a path of which this package has no object, or ``None``.

    Args:
        path: a dotted path with any root. Below ``dockerflow`` and ``dockerflow_mw`` it
            names a module, a name in it, or an attribute of that name.
    """
    module, name = path.replace(NEW, OLD, 1), ""
    if module.partition(".")[0] != OLD:
        return None
    while module not in modules():
        module, _, name = module.rpartition(".")
    if name in ("", "*") or (name.startswith("__") and name.endswith("__")):
        return None
    if name.startswith("_"):
        return f"{module}.{name} is private; use a public name instead."
    if name not in _names(module):
        return f"{module}.{name} does not exist in {NEW}; remove or replace it."
    return None


@functools.cache
def modules() -> dict[str, Path]:
    """Return the file for each module of this package, named below ``dockerflow``."""
    found = {}
    for file in PACKAGE.rglob("*.py"):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        found[".".join((OLD, *parts)).removesuffix(".__init__")] = file
    return found


@functools.cache
def _names(module: str) -> frozenset[str]:
    """Return the names that a module binds, outside of its functions and classes."""
    names: set[str] = set()
    nodes: list[ast.AST] = [*ast.parse(modules()[module].read_bytes()).body]
    while nodes:
        match nodes.pop():
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() as defined:
                names.add(defined.name)
            case ast.ImportFrom(module=str(source), names=[ast.alias(name="*")]):
                names |= _names(source.replace(NEW, OLD, 1))
            case ast.Import(aliases) | ast.ImportFrom(names=aliases):
                names |= {alias.asname or alias.name for alias in aliases}
            case ast.Name(name, ast.Store()):
                names.add(name)
            case node:
                nodes += ast.iter_child_nodes(node)
    return frozenset(names)
