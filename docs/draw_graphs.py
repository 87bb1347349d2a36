"""Draw the graphs of the companion's page on rewrites, with graphviz.

From the top of a clone, with graphviz's ``dot`` installed::

    python docs/draw_graphs.py

compiles the functions that the page talks about and writes each one's graph to docs/graphs/, as
graphviz reads it (``.dot``) and as a picture (``.svg``, with the checksum of the first in it, so
that a test notices when they are out of date). Constants of no consequence and the turning of a
vector into a row are left out; elementwise operations that PyTensor has fused are shown as one
formula, ``i0``, ``i1``, … being what comes in, from the left; of a `FusedProducts` are shown its
products, and the formulas of what it makes of them.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.mode import get_default_mode
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.traversal import toposort
from pytensor.scalar.basic import Cast, Composite
from pytensor.tensor.basic import ScalarFromTensor
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.math import Dot, Sum
from pytensor.tensor.shape import SpecifyShape

import svg
from deeptutorial import dA

GRAPHS = Path(__file__).parent / "graphs"
INFIX = {"add": "+", "sub": "−", "mul": "·", "true_div": "/"}
FUSED = ("DenoisingStep", "FusedProducts")


class TanhUnits(dA):
    def get_hidden_values(self, input):
        return pt.tanh(pt.dot(input, self.W) + self.b)


def a_changed_step(da):
    """Return the cost of a dA, and updates with momentum and clipped gradients."""
    cost, _ = da.get_cost_updates(corruption_level=0.3, learning_rate=0.1)
    updates = []
    for param, gradient in zip(da.params, pt.grad(cost, da.params), strict=True):
        v = pytensor.shared(np.zeros_like(param.get_value()), name=f"v_{param.name}")
        new_v = 0.9 * v - 0.1 * pt.clip(gradient, -1, 1)
        updates += [(v, new_v), (param, param + new_v)]
    return cost, updates


def graphs() -> dict[str, str]:
    """Return each graph, by the name of its file, in graphviz's language."""

    def compiled(cost, updates, mode):
        return _dot(_outputs(pytensor.function([x], cost, updates=updates, mode=mode)))

    with pytensor.config.change_flags(floatX="float32"):
        mode = get_default_mode()
        x = pt.tensor("x", shape=(20, 784))
        da = dA(np.random.RandomState(123), input=x)
        step = da.get_cost_updates(corruption_level=0.3, learning_rate=0.1)
        changed_step = a_changed_step(TanhUnits(np.random.RandomState(123), input=x))
        return {
            "written": _dot({"what it returns": changed_step[0]}),
            "changed-before": compiled(*changed_step, mode.excluding("deeptutorial")),
            "changed-after": compiled(*changed_step, mode),
            "denoising": compiled(*step, mode),
        }


def _outputs(function) -> dict[str, Variable]:
    """Return the outputs of a compiled graph by name: what it returns, and its new values."""
    fgraph = function.maker.fgraph
    named = {}
    for place, output in enumerate(fgraph.outputs):
        source = fgraph.update_mapping.get(place)
        named["what it returns" if source is None else f"new {_name(fgraph.inputs[source])}"] = (
            output
        )
    return named


def _name(variable: Variable) -> str:
    return (variable.name or "?").replace("b_prime", "b′")


# ---- a graph in graphviz's language


def _dot(outputs: dict[str, Variable]) -> str:
    lines: list[str] = []
    names: dict[Variable, str] = {}

    def add(label: str, kind: str) -> str:
        name = f"n{len(lines)}"
        shape = "box" if kind != "value" else "plain"
        label = label.replace('"', "'").replace("\n", "\\n")
        lines.append(f'{name} [label="{label}", class="{kind}", shape={shape}];')
        return name

    edges: list[str] = []
    for node in toposort(list(outputs.values())):
        if _is_passed_through(node):
            continue
        here = add(*_described(node))
        for output in node.outputs:
            names[output] = here
        for variable in node.inputs:
            variable = _seen_through(variable)
            if isinstance(variable, Constant) and _is_left_out(node, variable):
                continue
            if variable not in names:
                names[variable] = (
                    add(_value(variable), "value")
                    if isinstance(variable, Constant)
                    else add(_name(variable), "noise" if variable.name == "coins" else "input")
                )
            edges.append(f"{names[variable]} -> {here};")
    for label, variable in outputs.items():
        variable = _seen_through(variable)
        edges.append(f"{names[variable]} -> {add(label, 'output')};")
    head = (
        'ordering="in"; ranksep=0.3; nodesep=0.2; '
        'node [fontname="Helvetica", fontsize=12, margin="0.12,0.05", height=0.4];'
    )
    return "\n".join(["digraph {", head, *lines, *edges, "}", ""])


def _is_passed_through(node) -> bool:
    op = node.op
    return (isinstance(op, DimShuffle) and list(op.shuffle) == sorted(op.shuffle)) or isinstance(
        op, ScalarFromTensor | SpecifyShape
    )


def _seen_through(variable: Variable) -> Variable:
    while variable.owner is not None and _is_passed_through(variable.owner):
        variable = variable.owner.inputs[0]
    return variable


def _is_left_out(node, constant: Constant) -> bool:
    """Shapes and axes say little; a number that is calculated with, or a probability, does."""
    kind = getattr(getattr(constant.data, "dtype", None), "kind", None)
    return kind != "f" or type(node.op).__name__ in FUSED


def _value(constant: Constant) -> str:
    return f"{constant.data.item():.4g}" if constant.data.size == 1 else "constant"


def _described(node) -> tuple[str, str]:
    """Return what is written into the box of a node, and its kind."""
    op = node.op
    name = type(op).__name__
    if name == "FusedProducts":
        return "\n".join([name, *_fused_formulas(node)]), "fused"
    if name in FUSED:
        return name, "fused"
    if name == "CoinFlips":
        return "CoinFlips", "noise"
    if isinstance(op, Dot):
        return "dot", "product"
    if isinstance(op, Sum):
        return "sum" if op.axis is None else f"sum, axis {', '.join(map(str, op.axis))}", "other"
    if isinstance(op, DimShuffle):
        return "transpose", "other"
    if isinstance(op, Elemwise):
        scalar_op = op.scalar_op
        if isinstance(scalar_op, Composite):
            return "\n".join(_formulas(scalar_op.fgraph)), "elementwise"
        return _shortened(str(scalar_op)), "elementwise"
    return _shortened(re.sub(r"{.*", "", str(op))), "other"


def _shortened(name: str) -> str:
    return {"neg": "−", "true_div": "/", "Mul": "·", "Add": "+"}.get(name, name)


def _formulas(fgraph) -> list[str]:
    """Write the outputs of a fused operation."""
    names = {variable: f"i{place}" for place, variable in enumerate(fgraph.inputs)}
    return [_written(output, names) for output in fgraph.outputs]


def _fused_formulas(node) -> list[str]:
    """Write the products of a `FusedProducts`, what is made of them, and what is stored of that.

    What comes in is called by its name if it has one, and what is used twice gets a letter.
    """
    op, graph = node.op, node.op.epilogue
    inputs = [
        _name(variable) if variable.name and variable.owner is None else f"i{place}"
        for place, variable in enumerate(map(_seen_through, node.inputs))
    ]
    results = [f"p{_subscript(r)}" if op.n_results > 1 else "p" for r in range(op.n_results)]
    names = dict(zip(graph.inputs, [*results, *inputs[2 * len(op.products) :]], strict=True))
    lines = []
    for r, name in enumerate(results):
        factors = [
            f"{inputs[2 * k]}{'ᵀ' * (kind == 'tn')} {inputs[2 * k + 1]}{'ᵀ' * (kind == 'nt')}"
            for k, (kind, result) in enumerate(op.products)
            if result == r
        ]
        lines.append(f"{name} = {' + '.join(factors)}")

    order = [n.outputs[0] for n in toposort(graph.outputs) if not isinstance(n.op, Cast)]
    uses = [v for variable in order for v in map(_uncast, variable.owner.inputs)]
    used = [*uses, *map(_uncast, (graph.outputs[place] for place, _ in op.sums))]
    used += [_uncast(graph.outputs[place]) for place in op.stored]
    letters = iter("qrstu")
    for variable in order:
        if variable not in names and used.count(variable) > 1:
            letter = next(letters)
            lines.append(f"{letter} = {_written(variable, names)}")
            names[variable] = letter

    written_over = {out: inputs[2 * len(op.products) + place] for out, place in op.inplace}
    for k, place in enumerate(op.stored):
        text = _written(graph.outputs[place], names)
        lines.append(f"{written_over[k]} ← {text}" if k in written_over else f"store {text}")
    for place, axis in op.sums:
        text = _written(graph.outputs[place], names)
        lines.append(f"sum({text})" if axis is None else f"sum({text}, axis {axis})")
    return lines


def _subscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def _uncast(variable: Variable) -> Variable:
    while variable.owner is not None and isinstance(variable.owner.op, Cast):
        variable = variable.owner.inputs[0]
    return variable


def _written(variable: Variable, names: dict[Variable, str], bare: Iterable[str] = INFIX) -> str:
    """Write a scalar graph as a formula, without brackets if it is one of the operations `bare`."""
    variable = _uncast(variable)
    if variable in names:
        return names[variable]
    if isinstance(variable, Constant):
        return f"{variable.data.item():.4g}".replace("-", "−")
    op, arguments = variable.owner.op, variable.owner.inputs
    name = (op.name or type(op).__name__).lower()
    if name in INFIX:
        within = ("mul", "true_div") if name in ("add", "sub") else ()
        parts = [_written(argument, names, within) for argument in arguments]
        text = f" {INFIX[name]} ".join(parts)
        if bare is INFIX and len(text) > 60:
            return f" {INFIX[name]}\n".join(parts)
        return text if name in bare else f"({text})"
    if name == "neg":
        return "−" + _written(arguments[0], names, ())
    return f"{name}({', '.join(_written(argument, names) for argument in arguments)})"


if __name__ == "__main__":
    for name, dot in graphs().items():
        svg.write(GRAPHS / name, dot)
