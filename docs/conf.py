"""How Sphinx builds the site; `make docs` runs it."""

from __future__ import annotations

import re

from sphinx.application import Sphinx

from vaurien.version import __version__

project = "vaurien"
release = version = __version__
author = project_copyright = "the authors of vaurien"

extensions = ["myst_parser"]
exclude_patterns = ["conf.py"]
nitpicky = True
myst_heading_anchors = 4
highlight_language = "text"
smartquotes = False  # they would spoil flags
pygments_style = "friendly"
pygments_dark_style = "monokai"

html_theme = "furo"
html_title = f"vaurien {release}"
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["static"]
html_css_files = ["site.css"]

SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
PAGE = re.compile(r"^- \[(.*?)\]\(([\w/-]+)\.md\)", re.MULTILINE)


def add_contents(app: Sphinx, name: str, source: list[str]) -> None:
    """Make the site's contents of the lists in the index, which is also read where it lies."""
    if name == app.config.root_doc:
        _, *parts = SECTION.split(source[0])
        for caption, text in zip(parts[::2], parts[1::2], strict=True):
            pages = "\n".join(f"{title} <{page}>" for title, page in PAGE.findall(text))
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{pages}\n```\n"


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_contents)
