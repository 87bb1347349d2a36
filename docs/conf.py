"""The reading companion: `make docs` builds it with Sphinx into build/docs/html."""

import os
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "extensions"))

project = "deeptutorial"
html_title = "deeptutorial"
extensions = ["myst_nb", "mathml"]
exclude_patterns = ["**/README.md"]
nitpicky = True  # a reference that leads nowhere is a warning, and a warning fails the build

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

# The notebooks are run afresh in each build, on the built-in digits, and may not print warnings.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_output_stderr = "warn"
nb_merge_streams = True
os.environ["PYTHONPATH"] = str(DOCS.parent)  # the notebooks' processes find the scripts

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["companion.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
pygments_style = "friendly"
pygments_dark_style = "monokai"


def setup(app):
    app.connect("html-page-context", _language_of_page)


def _language_of_page(app, page_name, template, context, doctree):
    if page_name == "zh":
        context["language"] = "zh-Hans"
