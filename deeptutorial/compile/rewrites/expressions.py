"""Prove what elementwise expressions compute, however they are written.

The gradient of a cost reaches the rewrites in a form that no person would write, and that changes
from one release of PyTensor to the next: (z - x) / n, for instance, may come as
``((g*x) / z - (g*(1-x)) / (1-z)) * z * (1-z)`` with ``g = -1/n``. Instead of keeping a pattern for
each form, an expression is brought into a normal form with exact coefficients (see
`deeptutorial.compile.rewrites.formulas`) and compared with the formula that it should be: they
agree only where they are proved to be the same for all values of their leaves, in real arithmetic.
What is made by an operation that the proof does not know, a clip or a maximum, say, agrees with
nothing.
"""

import math
import operator
from collections.abc import Callable, Collection, Mapping

import numpy as np
import pytensor.scalar as ps
import pytensor.tensor as pt
from pytensor.graph.basic import Constant, Variable
from pytensor.scalar.math import Sigmoid, Softplus
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.variable import TensorVariable

from deeptutorial.compile.rewrites import formulas
from deeptutorial.compile.rewrites.formulas import UNKNOWN, Formula

__all__ = ["elementwise_leaves", "formula", "value_at"]

GREATEST_DEPTH = 40  # of an expression: the walk is recursive

# `second(a, b)` is b, in the shape of a. A cast that loses digits is dealt with where it is met.
_FUNCTIONS: dict[type, Callable[..., Formula]] = {
    ps.Add: lambda *terms: sum(terms, start=Formula.of(0)),
    ps.Sub: operator.sub,
    ps.Mul: lambda *factors: math.prod(factors, start=Formula.of(1)),
    ps.Neg: operator.neg,
    ps.TrueDiv: operator.truediv,
    ps.Reciprocal: lambda t: Formula.of(1) / t,
    ps.Sqr: lambda t: t * t,
    ps.Pow: formulas.power,
    ps.Exp: formulas.exp,
    ps.Expm1: lambda t: formulas.exp(t) - 1,
    ps.Log: formulas.log,
    ps.Log1p: lambda t: formulas.log(t + 1),
    Sigmoid: formulas.sigmoid,
    Softplus: formulas.softplus,
    ps.Tanh: lambda t: formulas.sigmoid(t * 2) * 2 - 1,
    ps.Identity: Formula.of,
    ps.Second: Formula.of,
    ps.Cast: Formula.of,
}


def formula(
    expression: TensorVariable, leaves: Mapping[TensorVariable, Formula | float]
) -> Formula:
    """Return what an expression computes where its leaves have these values.

    It is unknown where the expression is not elementwise in these leaves and scalars, and where it
    is rounded to a smaller float than its leaves are. A scalar that would be unknown is a variable.
    """
    widths = [_float_width(leaf) for leaf in leaves]
    least_width = min((width for width in widths if width), default=1)

    def number(value):
        is_exact = isinstance(value, int | float) and math.isfinite(value)
        return Formula.of(value) if is_exact else UNKNOWN

    def apply(node, arguments):
        function = _FUNCTIONS.get(type(node.op.scalar_op))
        if function is None or _float_width(node.outputs[0]) < least_width:
            return UNKNOWN
        return function(*arguments)

    values = {leaf: Formula.of(value) for leaf, value in leaves.items()}
    return _evaluate(expression, values, Formula.of, number, apply)


def value_at(expression: TensorVariable, leaves: Mapping[TensorVariable, float]) -> TensorVariable:
    """Return, as a symbolic scalar, the value of an expression where its leaves have these values.

    What is left is what the expression makes of its scalars and constants, calculated as it does.
    The expression's `formula` in these leaves must be known.
    """

    def number(value):
        return pt.constant(np.asarray(value, dtype=expression.dtype))

    def apply(node, arguments):
        if type(node.op.scalar_op) not in _FUNCTIONS or any(a is UNKNOWN for a in arguments):
            return UNKNOWN
        is_second = isinstance(node.op.scalar_op, ps.Second)
        return arguments[0] if is_second else Elemwise(node.op.scalar_op)(*arguments)

    values = {leaf: number(value) for leaf, value in leaves.items()}
    return _evaluate(expression, values, lambda variable: variable, number, apply)


def elementwise_leaves(
    expression: TensorVariable, stop: Collection[TensorVariable] = ()
) -> list[TensorVariable]:
    """Return what an expression is elementwise made of, scalars and constants left out.

    Variables in `stop` are leaves, even where they are themselves elementwise made of others.
    """
    found, seen, pending = [], set(), [expression]
    while pending:
        variable = pending.pop()
        if variable in seen or isinstance(variable, Constant) or variable.ndim == 0:
            continue
        seen.add(variable)
        node = variable.owner
        if node is not None and isinstance(node.op, Elemwise) and variable not in stop:
            pending.extend(_arguments(node))
        elif not _spreads_scalar(node):
            found.append(variable)
    return found


def _arguments(node):
    """Return what the value of an Elemwise node depends on: `second(a, b)` is b, as large as a."""
    return node.inputs[1:] if isinstance(node.op.scalar_op, ps.Second) else node.inputs


def _float_width(variable: Variable) -> int:
    """Return the bytes of a float; another type is less exact than any."""
    return np.dtype(variable.dtype).itemsize if variable.dtype.startswith("float") else 0


def _spreads_scalar(node):
    return node is not None and isinstance(node.op, DimShuffle) and node.inputs[0].ndim == 0


def _evaluate(expression, leaves, scalar, number, apply):
    """Evaluate an elementwise graph over some kind of number; `scalar` makes one of a variable."""
    known = {}

    def visit(variable, only_scalars, depth):
        # Below a DimShuffle, which turns or spreads an array, a leaf would be another value; only
        # scalars look the same from every side.
        if variable in leaves:
            return UNKNOWN if only_scalars else leaves[variable]
        key = variable, only_scalars
        if key not in known:
            value = inside(variable, only_scalars, depth)
            is_atom = value == UNKNOWN and variable.ndim == 0 and not isinstance(variable, Constant)
            known[key] = scalar(variable) if is_atom else value
        return known[key]

    def inside(variable, only_scalars, depth):
        node = variable.owner
        if isinstance(variable, Constant) and variable.data.size == 1:
            return number(variable.data.item())
        if node is None or depth == GREATEST_DEPTH:
            return UNKNOWN
        if isinstance(node.op, DimShuffle):
            return visit(node.inputs[0], True, depth + 1)
        if not isinstance(node.op, Elemwise):
            return UNKNOWN
        return apply(node, [visit(value, only_scalars, depth + 1) for value in _arguments(node)])

    return visit(expression, False, 0)
