"""Recognise elementwise expressions by what they compute, not by how they are written.

The gradient of a cost reaches the rewrites in a form that no person would write, and that changes
from one release of PyTensor to the next: (z - x) / n, for instance, may come as
``((g*x) / z - (g*(1-x)) / (1-z)) * z * (1-z)`` with ``g = -1/n``. Instead of keeping a pattern for
each form, an expression is *evaluated*, in float64 and at a few dozen random points, and compared
with the formula that it should be. Two different formulas made of sums, products, exponentials and
logarithms do not agree at that many random points to nine digits.
"""

from collections.abc import Collection, Mapping

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Constant, Variable
from pytensor.scalar.basic import Cast, Second
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.variable import TensorVariable

__all__ = ["Trial", "agree", "elementwise_leaves", "value_at"]

N_POINTS = 24
TOLERANCE = 1e-9


def agree(got: np.ndarray, expected: np.ndarray) -> bool:
    """Tell whether two expressions, evaluated in one `Trial`, are the same formula."""
    return bool(np.all(np.abs(got - expected) <= TOLERANCE * (1 + np.abs(expected))))


class Trial:
    """A few dozen random points to evaluate expressions at.

    Scalar variables (a learning rate, the number of examples) get a random value at each point and
    keep it through the trial.
    """

    def __init__(self):
        self._rng = np.random.default_rng(2008)
        self._scalars: dict[Variable, np.ndarray] = {}

    def draw(self) -> np.ndarray:
        """Return random values for a leaf, one a point."""
        return self._rng.uniform(-2, 2, N_POINTS)

    def evaluate(
        self, expression: TensorVariable, leaves: Mapping[TensorVariable, np.ndarray | float]
    ) -> np.ndarray:
        """Evaluate an expression where its leaves have these values, one a point.

        Where it is not elementwise in these leaves and scalars the values are NaN, which agrees
        with nothing.
        """

        def apply(scalar_op, arguments):
            with np.errstate(all="ignore"):
                return np.vectorize(scalar_op.impl, otypes=[np.float64])(*arguments)

        values = {leaf: np.broadcast_to(value, N_POINTS) for leaf, value in leaves.items()}
        try:
            return _evaluate(expression, values, self._scalar, np.float64, apply)
        except (_NotElementwiseError, RecursionError):
            return np.full(N_POINTS, np.nan)

    def _scalar(self, variable: Variable) -> np.ndarray:
        return self._scalars.setdefault(variable, self._rng.uniform(0.5, 2, N_POINTS))


def value_at(expression: TensorVariable, leaves: Mapping[TensorVariable, float]) -> TensorVariable:
    """Return, as a symbolic scalar, the value of an expression where its leaves have these values.

    What is left is what the expression makes of its scalars and constants. The expression must be
    elementwise in these leaves (evaluate it in a `Trial` first).
    """

    def number(value):
        return pt.constant(np.asarray(value, dtype=expression.dtype))

    def apply(scalar_op, arguments):
        return Elemwise(scalar_op)(*arguments)

    values = {leaf: number(value) for leaf, value in leaves.items()}
    return _evaluate(expression, values, lambda scalar: scalar, number, apply)


def elementwise_leaves(
    expression: TensorVariable, stop: Collection[TensorVariable] = ()
) -> list[TensorVariable]:
    """Return what an expression is elementwise made of, scalars and constants left out.

    Variables in `stop` are leaves, even where they are themselves elementwise made of others.
    """
    found, pending = [], [expression]
    while pending:
        variable = pending.pop()
        if variable in found or isinstance(variable, Constant) or variable.ndim == 0:
            continue
        node = variable.owner
        if node is not None and isinstance(node.op, Elemwise) and variable not in stop:
            pending.extend(_arguments(node))
        elif not _spreads_scalar(node):
            found.append(variable)
    return found


class _NotElementwiseError(Exception):
    """An expression depends on something else than the given leaves and scalars."""


def _arguments(node):
    """Return what the value of an Elemwise node depends on: `second(a, b)` is b, as large as a."""
    return node.inputs[1:] if isinstance(node.op.scalar_op, Second) else node.inputs


def _is_float_arithmetic(node):
    """Tell whether a scalar is made of other floats (and not, say, a length made a float)."""
    return (
        node is not None
        and isinstance(node.op, Elemwise)
        and all(argument.dtype.startswith("float") for argument in _arguments(node))
    )


def _spreads_scalar(node):
    return node is not None and isinstance(node.op, DimShuffle) and node.inputs[0].ndim == 0


def _evaluate(expression, leaves, scalar, number, apply):
    """Evaluate an elementwise graph over some kind of number."""
    known = dict(leaves)

    def visit(variable, only_scalars=False):
        # Below a DimShuffle, which turns or spreads an array, a leaf would be another value; only
        # scalars look the same from every side.
        if variable in known and not only_scalars:
            return known[variable]
        if isinstance(variable, Constant) and variable.data.size == 1:
            return number(variable.data.item())
        if variable in leaves or not isinstance(variable, TensorVariable):
            raise _NotElementwiseError
        node = variable.owner
        if variable.ndim == 0 and not _is_float_arithmetic(node):
            return scalar(variable)
        if node is None:
            raise _NotElementwiseError
        if isinstance(node.op, DimShuffle):
            return visit(node.inputs[0], only_scalars=True)
        if not isinstance(node.op, Elemwise):
            raise _NotElementwiseError
        values = [visit(argument, only_scalars) for argument in _arguments(node)]
        if isinstance(node.op.scalar_op, Second) or (
            isinstance(node.op.scalar_op, Cast) and variable.dtype.startswith("float")
        ):
            (value,) = values
        else:
            value = apply(node.op.scalar_op, values)
        if not only_scalars:
            known[variable] = value
        return value

    return visit(expression)
