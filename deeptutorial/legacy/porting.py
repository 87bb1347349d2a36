"""Rewrite a Theano file to Python 3 and PyTensor, for good: `deeptutorial port`."""

import ast
import importlib
from collections.abc import Iterable, Iterator

from deeptutorial.legacy.translation import (
    ONLY_IN_PYTHON_2,
    SYNTAX_FIXERS,
    Placed,
    decode,
    divides_as_python3,
    end_of,
    is_python2,
    python3_source,
)

__all__ = ["MARK", "port_text"]

MARK = "# TODO(port):"
"""What stands before a remark on a line that could not be rewritten."""

NAME_FIXERS = (
    *SYNTAX_FIXERS,
    "basestring",
    "dict",
    "has_key",
    "imports",
    "itertools",
    "itertools_imports",
    "long",
    "next",
    "nonzero",
    "raw_input",
    "reduce",
    "xrange",
)

RANDOM_STREAMS = (
    "theano.sandbox.rng_mrg.MRG_RandomStreams",
    "theano.tensor.shared_randomstreams.RandomStreams",
)
RENAMED = {
    "theano.tensor.abs_": "pytensor.tensor.abs",
    "theano.tensor.inv": "pytensor.tensor.reciprocal",
    "theano.tensor.sgn": "pytensor.tensor.sign",
    "theano.tensor.nnet.sigmoid": "pytensor.tensor.sigmoid",
    "theano.tensor.nnet.softplus": "pytensor.tensor.softplus",
    "theano.tensor.nnet.ultra_fast_sigmoid": "pytensor.tensor.sigmoid",
    "theano.tensor.nnet.nnet.sigmoid": "pytensor.tensor.sigmoid",
    "theano.tensor.consider_constant": "pytensor.gradient.zero_grad",
    "theano.tensor.zero_grad": "pytensor.gradient.zero_grad",
    "theano.pp": "pytensor.printing.pp",
    "theano.clone": "pytensor.graph.replace.clone_replace",
} | dict.fromkeys(RANDOM_STREAMS, "deeptutorial.RandomStreams")

CALLS = {
    "theano.tensor.nnet.softmax": "{T}.special.softmax({0}, axis=-1)",
    "theano.tensor.nnet.logsoftmax": "{T}.special.log_softmax({0}, axis=-1)",
    "theano.tensor.nnet.relu": "{T}.maximum({0}, 0)",
    "theano.tensor.nnet.hard_sigmoid": "{T}.clip(0.2 * ({0}) + 0.5, 0, 1)",
    "theano.tensor.nnet.binary_crossentropy": (
        "(-(({1}) * {T}.log({0}) + (1 - ({1})) * {T}.log(1 - ({0}))))"
    ),
}
"""What takes the place of a call, with its arguments and the name of PyTensor's `tensor`."""

OF_NUMPY = {name: name for name in ("bool", "complex", "float", "int", "object", "str")} | {
    "alltrue": "{np}.all",
    "cumproduct": "{np}.cumprod",
    "float_": "{np}.float64",
    "NaN": "{np}.nan",
    "Inf": "{np}.inf",
    "inf": "{np}.inf",
    "product": "{np}.prod",
    "sometrue": "{np}.any",
}

DEFAULTS = '''

def function_with_defaults(inputs, outputs=None, **options):
    """Compile a function; an input that is a pair has the second as its value where it is left out.

    PyTensor's own functions have no such defaults.
    """
    pairs = [each if isinstance(each, tuple) else (each, None) for each in inputs]
    names = [variable.name for variable, _ in pairs]
    compiled = pytensor.function([variable for variable, _ in pairs], outputs, **options)

    def call(*args, **kwargs):
        values = list(args) + [value for _, value in pairs[len(args):]]
        for name, value in kwargs.items():
            values[names.index(name)] = value
        return compiled(*values)

    return call
'''


def port_text(source: bytes, path: str, python2: bool = False) -> str:
    """Return a file's text rewritten, its comments and its layout kept.

    What could not be is marked at the end of its line with `MARK` and the reason. With `python2` a
    file is taken for Python 2, though it would be Python 3 too: a module of an old program, say.

    Raises
    ------
    SyntaxError
        If the file is neither Python 3 nor Python 2.
    TranslatorMissingError
        If it is Python 2, and fissix is not installed.
    """
    text = decode(source)
    was_python2 = python2 or is_python2(text)
    if was_python2:
        text = python3_source(text, NAME_FIXERS) or text
    return _Port(text, path, was_python2).text()


class _Port:
    """The edits of one file, by the places of its syntax tree."""

    def __init__(self, text: str, path: str, was_python2: bool):
        self.tree = ast.parse(text, path)
        self.bytes = text.encode()
        self.starts = [0]
        for line in self.bytes.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.edits: dict[tuple[int, int], str] = {}
        self.remarks: dict[int, str] = {}  # by line
        self.names = dict(self._imports())  # what local names stand for
        self.tensor = self._name_of_tensor()
        self.needs_defaults = False
        self.was_python2 = was_python2
        self.floors = was_python2 and not divides_as_python3(self.tree)

        self.parents = {
            child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)
        }
        for node in ast.walk(self.tree):
            self._visit(node)

    def text(self) -> str:
        result, end = [], len(self.bytes)
        edits = dict(self.edits)
        for line, remark in self.remarks.items():
            stop = self.starts[line] - 1
            edits[stop, stop] = f"  {MARK} {remark}"
        if self.needs_defaults:
            place = self.starts[self._lines_of_imports()]
            edits[place, place] = DEFAULTS
        for start, stop in _outermost(edits):
            result += [self.bytes[stop:end].decode(), edits[start, stop]]
            end = start
        result.append(self.bytes[:end].decode())
        return "".join(reversed(result))

    def _lines_of_imports(self) -> int:
        """Return how many lines the imports at the top take, those within a `try` too."""
        body = self.tree.body
        lines = [body[0].lineno - 1 if ast.get_docstring(self.tree) is None else end_of(body[0])[0]]
        for each in body:
            is_definition = isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if not is_definition and any(isinstance(node, _IMPORTS) for node in ast.walk(each)):
                lines.append(end_of(each)[0])
        return max(lines)

    # ---- what names stand for

    def _imports(self) -> Iterator[tuple[str, str]]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    first = alias.name.split(".")[0]
                    yield (alias.asname, alias.name) if alias.asname else (first, first)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    yield alias.asname or alias.name, f"{node.module}.{alias.name}"

    def _name_of_tensor(self) -> str:
        own = next((name for name, full in self.names.items() if full == "theano.tensor"), None)
        return own or "pytensor.tensor"

    def _full_name(self, node: ast.AST) -> str | None:
        """Return the dotted name that an expression is by the imports."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = self._full_name(node.value)
            return owner and f"{owner}.{node.attr}"
        return None

    # ---- the edits

    def _visit(self, node: ast.AST) -> None:
        match node:
            case ast.Import() | ast.ImportFrom():
                self._visit_import(node)
            case ast.Call():
                self._visit_call(node)
            case ast.Attribute() | ast.Name():
                if not isinstance(self.parents[node], ast.Attribute):
                    self._visit_name(node)
            case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=name)):
                if self._may_be_none(node, name):
                    self._replace(node, f"{name} is None")
            case ast.If(test=ast.Name(id=name) as test) | ast.IfExp(test=ast.Name(id=name) as test):
                if self._may_be_none(node, name):
                    self._replace(test, f"{name} is not None")
            case ast.BoolOp(op=ast.Or(), values=[ast.Name(id=name), other]):
                if self._may_be_none(node, name):
                    self._replace(node, f"({self._rewritten(other)} if {name} is None else {name})")
            case ast.BinOp(op=ast.Div(), left=left, right=right) if self.floors:
                self._visit_division(node, left, right)

    def _visit_division(self, node: ast.BinOp, left: ast.expr, right: ast.expr) -> None:
        if _is_float(left) or _is_float(right):
            return
        if not (_is_whole(left) and (_is_whole(right) or isinstance(right, ast.Name))):
            self._mark(node, "in Python 2, / floors where both sides are whole: // ?")
            return
        between = self._span(left)[1], self._span(right)[0]
        operator = self.bytes[between[0] : between[1]].decode()
        self.edits.setdefault(between, operator.replace("/", "//"))
        if isinstance(right, ast.Name):
            self._mark(node, f"is {right.id} whole, so that // is right?")

    def _visit_import(self, node: ast.Import | ast.ImportFrom) -> None:
        names = [alias.name for alias in node.names]
        whole = names if isinstance(node, ast.Import) else [node.module or ""]
        if not any(name.split(".")[0] == "theano" for name in whole):
            return
        lines = []
        for alias in node.names:
            full = alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
            as_name = f" as {alias.asname}" if alias.asname else ""
            target = _target(full)
            if full.split(".")[0] != "theano":
                lines.append(f"import {alias.name}{as_name}")
            elif full in CALLS:
                continue  # its calls are rewritten
            elif target is None:
                self._mark(node, f"PyTensor has no {full}")
                return
            elif isinstance(node, ast.Import):
                lines.append(f"import {target}{as_name}")
            else:
                module, _, name = target.rpartition(".")
                local = alias.asname or alias.name
                lines.append(
                    f"from {module} import {name}" + (f" as {local}" if local != name else "")
                )
        indent = " " * node.col_offset
        self._replace(node, f"\n{indent}".join(lines) or "pass")

    def _visit_call(self, node: ast.Call) -> None:
        full = self._full_name(node.func) or ""
        if full in CALLS and not node.keywords:
            arguments = [self._rewritten(each) for each in node.args]
            try:
                self._replace(node, CALLS[full].format(*arguments, T=self.tensor))
            except IndexError:
                self._mark(node, f"{full} with other arguments")
        elif self.was_python2 and _was_a_list(node, self.parents[node]):
            start, stop = self._span(node)
            self.edits[start, start], self.edits[stop, stop] = "list(", ")"
        elif full == "numpy.asscalar":
            self._replace(node, f"({self._rewritten(node.args[0])}).item()")
        elif full in ("theano.In", "theano.Param"):
            self._visit_input(node)
        elif full == "theano.function" and any(self._has_default(each) for each in ast.walk(node)):
            self.needs_defaults = True
            self._replace(node.func, "function_with_defaults")

    def _visit_input(self, node: ast.Call) -> None:
        if not self._has_default(node):
            return
        holder: ast.AST | None = node
        while holder is not None and not (
            isinstance(holder, ast.Call) and self._full_name(holder.func) == "theano.function"
        ):
            holder = self.parents.get(holder)
        others = {k.arg for k in node.keywords} - {"value", "default"}
        if holder is None or others:
            self._mark(node, "PyTensor's inputs have no default values")
            return
        value = next((k.value for k in node.keywords if k.arg in ("value", "default")), None)
        value = node.args[1] if value is None else value
        self._replace(node, f"({self._rewritten(node.args[0])}, {self._rewritten(value)})")

    def _has_default(self, node: ast.AST) -> bool:
        if not isinstance(node, ast.Call):
            return False
        full = self._full_name(node.func)
        by_name = any(k.arg in ("value", "default") for k in node.keywords)
        second = full == "theano.Param" and len(node.args) > 1
        return full in ("theano.In", "theano.Param") and (by_name or second)

    def _visit_name(self, node: ast.Name | ast.Attribute) -> None:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            return
        full = self._full_name(node) or ""
        first, _, rest = full.partition(".")
        if first == "numpy" and rest in OF_NUMPY:
            self._replace(node, OF_NUMPY[rest].format(np=ast.unparse(node).rpartition(".")[0]))
        elif full == "time.clock":
            self._replace(node, ast.unparse(node).replace("clock", "perf_counter"))
        elif first == "theano" and full not in ("theano", "theano.In", "theano.Param"):
            self._replace_theano(node, full)
        elif full == "theano":
            self._replace(node, "pytensor")
        elif isinstance(node, ast.Name) and node.id in ONLY_IN_PYTHON_2 and self.floors:
            self._mark(node, f"{node.id} is Python 2's")

    def _replace_theano(self, node: ast.Name | ast.Attribute, full: str) -> None:
        parent = self.parents[node]
        called = isinstance(parent, ast.Call) and parent.func is node and not parent.keywords
        if called and full in CALLS:
            return  # the call is rewritten as a whole
        # PyTensor's config is no module but an object, so that `_target` finds none of its flags.
        owner, _, flag = full.rpartition(".")
        target = f"pytensor.config.{flag}" if owner == "theano.config" else _target(full)
        if target is None:
            self._mark(node, f"PyTensor has no {full}")
            return
        if isinstance(node, ast.Name):
            return  # its import says what it is
        if target.startswith("pytensor.tensor."):
            target = self.tensor + target.removeprefix("pytensor.tensor")
        self._replace(node, target)

    def _may_be_none(self, node: ast.AST, name: str) -> bool:
        """Tell whether a name is a parameter whose default is None."""
        while not isinstance(node, ast.FunctionDef | ast.Module):
            node = self.parents[node]
        if isinstance(node, ast.Module):
            return False
        every = [*node.args.posonlyargs, *node.args.args]
        with_default = dict(
            zip(reversed([a.arg for a in every]), reversed(node.args.defaults), strict=False)
        )
        default = with_default.get(name)
        return isinstance(default, ast.Constant) and default.value is None

    # ---- places

    def _span(self, node: Placed) -> tuple[int, int]:
        end_line, end_byte = end_of(node)
        start = self.starts[node.lineno - 1] + node.col_offset
        return start, self.starts[end_line - 1] + end_byte

    def _replace(self, node: Placed, new: str) -> None:
        self.edits.setdefault(self._span(node), new)

    def _mark(self, node: Placed, remark: str) -> None:
        # At the end of a statement's first line: within a string there is no room for a comment.
        self.remarks.setdefault(end_of(node)[0], remark)

    def _rewritten(self, node: ast.expr) -> str:
        """Return the text of an expression with the edits within it."""
        inner = [node, *(each for each in ast.walk(node) if each is not node)]
        for each in inner:
            self._visit(each)
        start, stop = self._span(node)
        within = [place for place in self.edits if start <= place[0] and place[1] <= stop]
        result, end = [], stop
        for place in _outermost(within):
            result += [self.bytes[place[1] : end].decode(), self.edits[place]]
            end = place[0]
        result.append(self.bytes[start:end].decode())
        return "".join(reversed(result))


def _outermost(places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the places that lie within no other, the last one first."""
    kept: list[tuple[int, int]] = []
    for start, stop in sorted(places, key=lambda place: (place[0], -place[1])):
        if not kept or stop > kept[-1][1] or start == stop == kept[-1][1]:
            kept.append((start, stop))
    return kept[::-1]


_IMPORTS = (ast.Import, ast.ImportFrom)


def _was_a_list(node: ast.Call, parent: ast.AST) -> bool:
    """Tell whether a call returned a list in Python 2, and it matters that it does no more."""
    if not isinstance(node.func, ast.Name) or node.func.id not in ("filter", "map", "range", "zip"):
        return False
    match parent:
        case ast.For(iter=iterated) | ast.comprehension(iter=iterated):
            return iterated is not node
        case ast.Call(func=ast.Name(id=name)):
            return name not in (
                "dict",
                "enumerate",
                "list",
                "max",
                "min",
                "set",
                "sorted",
                "sum",
                "tuple",
                "map",
                "zip",
                "filter",
            )
    return True


def _is_float(node: ast.expr) -> bool:
    """Tell whether an expression can be seen to be no whole number."""
    match node:
        case ast.BinOp(left=left, right=right):
            return _is_float(left) or _is_float(right)
        case ast.Constant(value=value):
            return isinstance(value, float)
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name in ("cos", "exp", "float", "log", "mean", "sin", "sqrt", "std", "tanh")
    return False


def _is_whole(node: ast.expr) -> bool:
    """Tell whether an expression can be seen to be a whole number: a length, say."""
    match node:
        case ast.Constant(value=int()):
            return True
        case ast.Call(func=ast.Name(id="len")):
            return True
        case ast.Subscript(value=ast.Attribute(attr="shape")):
            return True
    return False


def _target(full: str) -> str | None:
    """Return PyTensor's name for one of Theano's; None where it has none of that meaning."""
    if full in RENAMED:
        return RENAMED[full]
    if not full.startswith("theano"):
        return None
    name = "pytensor" + full.removeprefix("theano")
    module, _, attribute = name.rpartition(".")
    try:
        importlib.import_module(name)
    except ImportError:
        try:
            getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError, ValueError):
            return None
    return name
