"""From the source of an old script to code that Python 3 runs, with Python 2's meaning."""

import ast
import copy
import io
import tokenize
import warnings
from dataclasses import dataclass
from difflib import SequenceMatcher
from types import CodeType
from typing import TypeAlias

__all__ = [
    "ONLY_IN_PYTHON_2",
    "SYNTAX_FIXERS",
    "Placed",
    "Translated",
    "TranslatorMissingError",
    "decode",
    "divides_as_python3",
    "end_of",
    "is_python2",
    "python3_source",
    "translate",
]

SYNTAX_FIXERS = (
    "except",
    "exec",
    "metaclass",
    "ne",
    "numliterals",
    "paren",
    "print",
    "raise",
    "repr",
    "throw",
    "tuple_params",
    "unicode",
)
"""Those of fissix that make Python 3 of the syntax. What names mean is `python2`'s."""

ONLY_IN_PYTHON_2 = frozenset(
    ["basestring", "cmp", "execfile", "long", "raw_input", "unichr", "unicode", "xrange"]
)
MODULES_OF_PYTHON_2 = frozenset(
    {
        "ConfigParser",
        "Queue",
        "StringIO",
        "__builtin__",
        "cPickle",
        "cStringIO",
        "commands",
        "copy_reg",
        "urllib2",
    }
)
METHODS_OF_PYTHON_2 = frozenset(["has_key", "iteritems", "iterkeys", "itervalues"])

Placed: TypeAlias = (
    ast.alias | ast.arg | ast.excepthandler | ast.expr | ast.keyword | ast.pattern | ast.stmt
)
"""The nodes that have a place in the text."""


class TranslatorMissingError(ImportError):
    """Python 2 source, and no fissix to translate it with."""


@dataclass(frozen=True)
class Translated:
    """The code of a file, its syntax tree, and whether names have Python 2's meaning in it."""

    code: CodeType
    tree: ast.Module
    python2: bool


def translate(source: bytes, path: str, python2: bool = False) -> Translated:
    """Compile the source of a file.

    Parameters
    ----------
    source : bytes
    path : str
        Its file, for tracebacks, whose line numbers are those of the source.
    python2 : bool
        Take it for Python 2 even where it would be Python 3 too. Otherwise it is Python 2 if it
        does not compile as Python 3, or needs a name that only Python 2 has.

    Raises
    ------
    SyntaxError
        If it is neither.
    TranslatorMissingError
    """
    text = decode(source)
    as_python3: ast.Module | SyntaxError
    try:
        as_python3 = _parse(text, path)
    except SyntaxError as error:
        as_python3 = error
    if isinstance(as_python3, ast.Module) and not python2 and not _needs_python2(as_python3):
        return Translated(_compile(as_python3, path), as_python3, False)
    translated = python3_source(text, SYNTAX_FIXERS)
    if translated is None:
        if isinstance(as_python3, SyntaxError):
            raise as_python3
        return Translated(_compile(as_python3, path), as_python3, False)
    try:
        tree = _parse(translated, path)
    except SyntaxError as error:
        raise (as_python3 if isinstance(as_python3, SyntaxError) else error) from None
    _keep_lines(tree, text, translated)
    tree = ast.fix_missing_locations(_Python2Meaning(divides_as_python3(tree)).visit(tree))
    return Translated(_compile(tree, path), tree, True)


def is_python2(text: str) -> bool:
    """Tell whether a text does not parse as Python 3, or needs names that only Python 2 has."""
    try:
        return _needs_python2(_parse(text, "<source>"))
    except SyntaxError:
        return True


def decode(source: bytes) -> str:
    """Return the text of a file, in the encoding that it names, UTF-8 or else Latin-1."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        text = source.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError):
        text = source.decode("latin-1")
    text = text.replace("\r\n", "\n")
    return text if text.endswith("\n") else text + "\n"


def python3_source(text: str, fixers: tuple[str, ...]) -> str | None:
    """Let fissix translate Python 2 to Python 3; None where it cannot read it."""
    try:
        from fissix.pgen2.parse import ParseError
        from fissix.pgen2.tokenize import TokenError
        from fissix.refactor import RefactoringTool
    except ImportError as error:
        raise TranslatorMissingError(
            "Python 2 source needs fissix to be translated: pip install 'deeptutorial[theano]'"
        ) from error
    tool = RefactoringTool([f"fissix.fixes.fix_{name}" for name in fixers])
    try:
        translated = str(tool.refactor_string(text, "<source>"))
    except (ParseError, TokenError, IndentationError):
        return None
    try:
        _parse(translated, "<source>")
    except TabError:  # to Python 2, a tab was as wide as the next eighth column
        translated = "".join(map(_without_tabs, translated.splitlines(keepends=True)))
    except SyntaxError:
        pass
    return translated


def _without_tabs(line: str) -> str:
    body = line.lstrip(" \t")
    return line[: len(line) - len(body)].expandtabs(8) + body


def _parse(text: str, path: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "\d" in a string, `is` with a number
        return ast.parse(text, path)


def _compile(tree: ast.Module, path: str) -> CodeType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(tree, path, "exec", dont_inherit=True)


def _needs_python2(tree: ast.Module) -> bool:
    """Tell whether a file needs a name of Python 2 that it does not define, or try for, itself."""
    tried = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.Try)
        for statement in [*node.body, *node.handlers]
        for inner in ast.walk(statement)
    }
    own = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                own.add(name)
            case ast.alias(name=name, asname=asname):
                own.add(asname or name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                own.add(name)
    for node in ast.walk(tree):
        if node in tried:
            continue
        match node:
            case ast.Import(names=aliases):
                if any(alias.name in MODULES_OF_PYTHON_2 for alias in aliases):
                    return True
            case ast.ImportFrom(module=module, level=0) if module in MODULES_OF_PYTHON_2:
                return True
            case ast.Name(id=name) if name in ONLY_IN_PYTHON_2 - own:
                return True
            case ast.Call(func=ast.Attribute(attr=attr)) if attr in METHODS_OF_PYTHON_2:
                return True
    return False


def divides_as_python3(tree: ast.Module) -> bool:
    """Tell whether a file asks for the division of Python 3."""
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "division" for alias in node.names)
        for node in tree.body
    )


def end_of(node: Placed) -> tuple[int, int]:
    """Return the line in which a node ends, and the byte there."""
    line, byte = node.end_lineno, node.end_col_offset
    if line is None or byte is None:
        raise ValueError("only what was parsed has an end")
    return line, byte


def _keep_lines(tree: ast.Module, original: str, translated: str) -> None:
    """Give the nodes the line numbers of the original, where the translation added lines."""
    old, new = original.splitlines(), translated.splitlines()
    if len(old) == len(new):
        return
    lines = {}
    for _, old_start, old_end, new_start, new_end in SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        for i in range(new_start, new_end):
            lines[i + 1] = min(old_start + i - new_start, max(old_end - 1, 0)) + 1
    for node in ast.walk(tree):
        if isinstance(node, Placed):
            end_line, end_byte = end_of(node)
            node.lineno = lines.get(node.lineno, node.lineno)
            node.end_lineno = max(lines.get(end_line, end_line), node.lineno)
            if node.end_lineno == node.lineno:
                node.end_col_offset = max(end_byte, node.col_offset)


class _Python2Meaning(ast.NodeTransformer):
    """Replaces what has another meaning in Python 3 by calls of what `python2.BUILTINS` has."""

    VIEWS = frozenset(("keys", "values", "items"))
    ALIASES = (("next", "__next__"), ("__nonzero__", "__bool__"))

    def __init__(self, future_division: bool):
        self.future_division = future_division

    def visit_BinOp(self, node):
        self.generic_visit(node)
        if isinstance(node.op, ast.Div) and not self.future_division:
            return _call(node, "__divide__", node.left, node.right)
        return node

    def visit_AugAssign(self, node):
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div) or self.future_division:
            return node
        read = copy.deepcopy(node.target)
        read.ctx = ast.Load()
        quotient = _call(node, "__divide_in_place__", read, node.value)
        return ast.copy_location(ast.Assign([node.target], quotient), node)

    def visit_Call(self, node):
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Attribute(attr=attr), args=[], keywords=[]) if (
                attr in self.VIEWS
            ):
                return _call(node, "__listed__", node)
            case ast.Call(func=ast.Attribute(attr=attr) as function) if (
                attr in METHODS_OF_PYTHON_2
                or (attr in ("next", "tostring") and not node.args)
                or (attr == "sort" and (node.args or node.keywords))
            ):
                name = ast.copy_location(ast.Constant(attr), node)
                node.func = _call(node, "__method__", function.value, name)
        return node

    def visit_ClassDef(self, node):
        self.generic_visit(node)
        defined = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
        aliases = [*self.ALIASES]
        if not self.future_division:
            aliases += [("__div__", "__truediv__"), ("__rdiv__", "__rtruediv__")]
        for old, new in aliases:
            if old in defined and new not in defined:
                target, value = ast.Name(new, ast.Store()), ast.Name(old, ast.Load())
                node.body.append(ast.copy_location(ast.Assign([target], value), node))
        return node


def _call(node: ast.AST, function: str, *arguments: ast.expr) -> ast.Call:
    return ast.copy_location(
        ast.Call(ast.copy_location(ast.Name(function, ast.Load()), node), list(arguments), []), node
    )
