"""Sphinx configuration."""

from __future__ import annotations

from importlib.metadata import version as installed_version

project = "dockerflow-mw"
release = version = installed_version(project)
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
html_theme = "furo"
html_title = f"{project} {version}"
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "none"
default_role = "py:obj"
nitpicky = True
# The build has no network for the inventories of other projects (intersphinx).
nitpick_ignore_regex = [(r"py:.*", r"(collections|logging|time)\..*")]
