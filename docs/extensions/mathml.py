"""Formulas as MathML: a browser shows them by itself, without a script or a network."""

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.errors import ExtensionError
from sphinx.util.math import get_node_equation_number


def mathml(node: nodes.Node, display: str) -> str:
    """Translate the LaTeX of a node; what is not understood ends the build."""
    latex = node.astext()
    if "\\\\" in latex and "\\begin{" not in latex:  # lines, as Sphinx has them in docstrings
        latex = f"\\begin{{align*}}{latex}\\end{{align*}}"
    markup = convert(latex, display=display)
    if "\\" in markup or "<mi>&</mi>" in markup:
        raise ExtensionError(f"latex2mathml does not understand all of: {node.astext()}")
    return markup.replace("<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>")  # a relation, with its spaces


def visit_inline(translator, node):
    translator.body.append(mathml(node, "inline"))
    raise nodes.SkipNode


def visit_block(translator, node):
    translator.body.append(translator.starttag(node, "div", CLASS="formula"))
    translator.body.append(mathml(node, "block"))
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})</span>')
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
