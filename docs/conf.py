"""How the documentation is built: Sphinx, MyST and furo, from this repository alone; nothing is fetched."""

import sys
from pathlib import Path

import outlast

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "outlast"
copyright = "the outlast contributors"
release = version = outlast.__version__.partition("+")[0]

extensions = ["commands", "myst_parser", "sphinx.ext.autodoc", "sphinx.ext.doctest"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "outlast"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["outlast.css"]

# Docstrings are plain sentences with `code` in them.
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autoclass_content = "class"
python_maximum_signature_line_length = 88
python_display_short_literal_types = True

# Names of Python itself and of our inner modules stand in signatures as they are; there is nothing here that they could link to.
nitpick_ignore_regex = [(r"py:.*", r"(?!outlast\.[A-Z]).*")]
