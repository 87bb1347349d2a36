"""The reading companion: `make docs` builds it with Sphinx into build/docs/html.

The same pages are built twice, in English, and in Chinese (`-D language=zh_CN`) by the catalogues
in locales/. CONTRIBUTING.md tells how they are renewed.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from docutils import nodes

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "extensions"))
sys.path.insert(0, str(DOCS.parent))  # the reference is of this clone's docstrings

project = "deeptutorial"
html_title = "deeptutorial"
extensions = ["myst_nb", "mathml", "chinese", "sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["**/README.md", "zh.md"]  # zh.md is the index of the Chinese edition
nitpicky = True  # a reference that leads nowhere is a warning, and a warning fails the build

myst_enable_extensions = ["dollarmath", "colon_fence", "attrs_block", "attrs_inline"]
myst_heading_anchors = 3

# The docstrings are NumPy's kind. A name in backticks is a link where it is in the reference; types
# are told in the docstrings' words.
default_role = "py:obj"
nitpick_ignore_regex = [("py:(obj|class)", ".*")]
autodoc_default_options = {"members": True, "imported-members": True}
autodoc_preserve_defaults = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # autodoc shows them

# What catalogues hold: prose, by page, without the lines that it stands on, which would change with
# anything above them.
locale_dirs = ["locales"]
gettext_compact = False
gettext_location = False
suppress_warnings = ["myst-nb.lexer"]  # cells that are not run, for catalogues, have no language

# The notebooks are run on the built-in digits, and may not print warnings. The Chinese edition has
# what came out when the English one was built; `make docs` begins with nothing kept.
nb_execution_mode = "cache"
nb_execution_cache_path = str(DOCS.parent / "build" / "docs" / "executed")
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_output_stderr = "warn"
nb_merge_streams = True
os.environ["PYTHONPATH"] = str(DOCS.parent)  # the notebooks' processes find the scripts

html_theme = "furo"
html_static_path = ["_static"]
EXTRA = DOCS.parent / "build" / "docs" / "extra"
EXTRA.mkdir(parents=True, exist_ok=True)
html_extra_path = [str(EXTRA)]
html_css_files = ["companion.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
pygments_style = "friendly"
pygments_dark_style = "monokai"


def setup(app):
    app.connect("builder-inited", _playground)
    app.connect("builder-inited", _notebook)
    app.connect("doctree-resolved", _short_citations)


def _playground(app):
    """Train the dAs of the playground, in a process of their own, where there is none yet."""
    script = DOCS / "make_playground.py"
    if app.builder.format != "html" or not script.is_file():  # a catalogue, a page built by itself
        return
    if not (EXTRA / "playground.html").is_file():
        subprocess.run([sys.executable, str(script), str(EXTRA)], check=True)


def _notebook(app):
    """Make the notebook that can be downloaded, which carries today's project along."""
    script = DOCS / "make_notebook.py"
    if app.builder.format == "html" and script.is_file():
        subprocess.run([sys.executable, str(script), str(EXTRA)], check=True)


def _short_citations(app, doctree, page_name):
    """Call [1] what numpydoc has numbered across all docstrings, and called [R0123456789ab-1]."""
    for text in doctree.findall(nodes.Text):
        short = re.sub(r"^\[R[0-9a-f]{12}-(\d+)\]$", r"[\1]", text)
        if short != text:
            text.parent.replace(text, nodes.Text(short))
