"""Functions that can be seen at a glance: at most sixty lines of code."""

import ast
import io
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST = 60
NOT_CODE = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE),
    *(tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
}
# The kernels and the search for a training step are written as one piece each.
FILES = [
    *(ROOT / name for name in ("dA.py", "SdA.py")),
    *(
        path
        for path in sorted((ROOT / "deeptutorial").rglob("*.py"))
        if "compile" not in path.relative_to(ROOT).parts
    ),
]


def lengths(source: str) -> dict[str, int]:
    """Count the lines of code of each function: not its docstring, comments and empty lines."""
    code = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NOT_CODE:
            code.update(range(token.start[0], token.end[0] + 1))
    nodes = list(ast.walk(ast.parse(source)))
    functions = [n for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    for node in (*functions, *(n for n in nodes if isinstance(n, ast.ClassDef))):
        if ast.get_docstring(node) is not None:
            code.difference_update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return {n.name: len(code & set(range(n.lineno, n.end_lineno + 1))) for n in functions}


def test_lines_are_counted():
    source = '''
def f(
    x,
):
    """Words.

    More words.
    """
    # a comment

    def g():
        """Words."""
        return """two
        lines"""

    return g()  # and another comment
'''
    assert lengths(source) == {"f": 3 + 3 + 1, "g": 3}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_function_is_long(path):
    found = lengths(path.read_text(encoding="utf-8"))
    assert {name: n for name, n in found.items() if n > MOST} == {}
