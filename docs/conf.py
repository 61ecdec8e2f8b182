"""Sphinx: the pages of this folder, the README, and an API reference from the docstrings.

``sphinx-build -W --keep-going -n docs docs/_build`` builds the site; every warning is an error.
"""

import sys
from pathlib import Path

from docutils import nodes
from pygments.lexers.special import TextLexer
from sphinx import addnodes

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS.parent / "kernels"), str(DOCS / "_ext")]

from jaxsoco import __version__  # noqa: E402

project = "jaxsoco"
author = "The jaxsoco developers"
copyright = author
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "api_pages",
    "declared_docs",
    "listing_directive",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build"]
nitpicky = True

# Links between the pages use the anchors that GitHub gives to headings.
myst_heading_anchors = 4
# A quotation mark may be a transpose, or part of what an experiment file says.
smartquotes_action = "D"  # dashes only

autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True  # one line an attribute
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 90
add_module_names = False

html_extra_path = ["../CITATION.cff"]
# What the README links to outside this folder, and where the site has it.
ROOT_FILES = {
    "CITATION.cff": "CITATION.cff",
    "CONTRIBUTING.md": "contributing.html",
    "CHANGELOG.md": "changelog.html",
}
html_theme = "furo"
html_static_path = [str(DOCS / "_static")]
html_css_files = ["tables.css"]
html_title = f"jaxsoco {version}"
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True}


def link_to_root(app, doctree):
    """Links to files of the repository's root, which the site has beside its pages."""
    for node in [*doctree.findall(addnodes.pending_xref)]:
        if node["reftype"] == "myst" and node["reftarget"] in ROOT_FILES:
            place = ROOT_FILES[node["reftarget"]]
            node.replace_self(nodes.reference("", "", *node.children, refuri=place))


def setup(app):
    """Settings that have no name of their own."""
    app.add_lexer("csv", TextLexer)
    app.connect("doctree-read", link_to_root)
