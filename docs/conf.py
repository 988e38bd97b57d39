"""Sphinx configuration: MyST pages, the pydata theme, reference pages from docstrings."""

from __future__ import annotations

import re
from importlib.metadata import version as installed
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "competency_dx"
author = "The competency_dx founders"
release = version = installed("competency-dx")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
suppress_warnings = ["toc.not_readable"]  # benchmarks.md is written by a command; tests/docs checks the other pages

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_ivar = True

html_theme = "pydata_sphinx_theme"
html_title = "competency_dx"
html_show_sourcelink = False
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}


def _quote_prefixes(_app: Sphinx, _what: str, _name: str, _thing: object, _options: object, lines: list[str]) -> None:
    """Show column prefixes such as se_ as code: a bare trailing underscore is a reference in reStructuredText."""
    lines[:] = [re.sub(r"(?<![\w`])(\w+_)(?![\w`])", r"``\1``", line) for line in lines]


def setup(app: Sphinx) -> None:
    """Connect what autodoc does to docstrings."""
    app.connect("autodoc-process-docstring", _quote_prefixes)
