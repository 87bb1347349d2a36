"""What a graph computes in float64, and how far rounding errors may carry each entry away.

Two correct programs for one float32 graph differ by their rounding: in which order they add, how
many units in the last place their exponential is off, whether they round between a product and a
sum. How much of that is seen in an entry of a result depends on what is made of it, and no fixed
tolerance is right for all: after a cancellation nothing else may be left. So the graph is evaluated
in float64, several times with random errors of the size of float32's wherever an Op puts its result
down (Monte Carlo arithmetic [1]_). The spread of an entry over these runs is the scale of the
difference that may be found in it. An entry that is NaN or infinite in only some of them
(an overflow at the edge, a comparison that falls either way) is undecided, and says nothing.

Where terms of a sum or product overflow, their order decides what the result is: 1e47 - 1e47 in
float32 is NaN if the positive and the negative terms are summed up apart, and infinite, of either
sign, in a chain of fused multiply-adds that begins with the one or the other. No order makes
anything else of such terms but what they come to in float64, so the runs take these three
(`ORDERS`) in turn.

.. [1] D. S. Parker: Monte Carlo arithmetic: exploiting randomness in floating-point arithmetic.
   Technical report, UCLA, 1997.
"""

from collections.abc import Callable, Sequence
from functools import cache, reduce

import numpy as np
from pytensor.graph.basic import Apply, Constant
from pytensor.graph.fg import FunctionGraph
from pytensor.scalar import basic as scalar
from pytensor.scalar.math import Softplus
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.math import Dot, Sum
from pytensor.tensor.utils import import_func_from_string

__all__ = ["ORDERS", "Vectorised", "evaluate", "has_no_function"]

N_ULPS = 4
"""Size of the random errors; the exponential of a fast kernel may be off by more than a half."""

ORDERS = {"apart": np.nan, "positive terms first": np.inf, "negative terms first": -np.inf}
"""In which order terms are added, and what comes out where those of both signs overflow."""


def evaluate(
    graph: FunctionGraph,
    inputs: Sequence,
    errors: np.random.Generator | None = None,
    order: str = "",
) -> list:
    """Run a graph in float64, whatever its types say.

    Constants and inputs have the values that they have in the graph's own types.

    Parameters
    ----------
    graph : FunctionGraph
    inputs : sequence of arrays
    errors : Generator, optional
        Make random errors of the size of the types' own.
    order : str, optional
        One of `ORDERS`: terms that overflow are added in it, and products overflow only when they
        have been added. Without, a sum overflows if its value is too large.
    """
    values = dict(zip(graph.inputs, map(_widened, inputs), strict=True))
    overflown = {}  # products as they were before they became infinite
    with np.errstate(all="ignore"):
        for node in graph.toposort():
            known = values | overflown if order and _adds(node) else values
            arguments = [
                _widened(v.data) if isinstance(v, Constant) else known[v] for v in node.inputs
            ]
            for variable, value in zip(node.outputs, _apply(node, arguments), strict=True):
                put_down = _put_down(node, arguments, variable, value, errors, order)
                values[variable] = put_down
                if _multiplies(node) and _is_too_large(value, variable.dtype).any():
                    is_over = put_down == np.copysign(np.inf, value)  # and not by the order
                    is_over &= _is_too_large(value, variable.dtype)
                    overflown[variable] = np.where(is_over, value, put_down)
    return [_widened(v.data) if isinstance(v, Constant) else values[v] for v in graph.outputs]


def _widened(value):
    is_float = isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f"
    return np.asarray(value, dtype="float64") if is_float else value


def _apply(node: Apply, arguments: list) -> list:
    if isinstance(node.op, Elemwise):
        wide = [_wide(variable.dtype) for variable in node.outputs]
        return apply_scalar(node.op.scalar_op, arguments, wide)
    if isinstance(node.op, Sum):
        return [np.sum(arguments[0], axis=node.op.axis)]
    storage = [[None] for _ in node.outputs]
    node.op.perform(node, arguments, storage)
    return [_widened(cell[0]) for cell in storage]


def _wide(dtype: str) -> str:
    return "float64" if np.dtype(dtype).kind == "f" else dtype


def _put_down(node: Apply, arguments: list, variable, value, errors, order):
    """Round as the type of the result would, or worse: overflow, underflow and a relative error."""
    dtype = getattr(variable, "dtype", None)
    if dtype not in ("float32", "float64") or _only_moves(node):
        return value
    limits = np.finfo(dtype)
    terms = _magnitude_of_terms(node, arguments)
    if order and terms is not None and (terms > limits.max).any():
        value = _overflown(value, *_terms_of_each_sign(node, arguments), limits.max, ORDERS[order])
    value = np.where(_is_too_large(value, dtype), np.copysign(np.inf, value), value)
    if errors is None:
        return value
    scale = np.abs(value) if terms is None else terms
    # Never near 0: an error that is small in all runs by chance would not be reckoned with.
    noise = errors.uniform(-0.5, 0.5, value.shape)
    noise += np.copysign(0.5, noise)
    wrong = value + N_ULPS * (limits.eps / 2 * scale + limits.smallest_subnormal) * noise
    if terms is None:  # an exponential does not become negative
        wrong = np.where(wrong * value < 0, 0, wrong)
    return np.where(np.isfinite(value) & (scale > 0), wrong, value)


def _is_too_large(value, dtype: str) -> np.ndarray:
    if np.dtype(dtype).kind != "f":
        return np.zeros(np.shape(value), bool)
    return np.abs(value) > np.finfo(dtype).max


def _only_moves(node: Apply) -> bool:
    """Tell whether an Op puts values elsewhere, or makes none that would have to be rounded."""
    if isinstance(node.op, Elemwise):
        exact = isinstance(node.op.scalar_op, _EXACT)
        return exact or all(np.dtype(v.dtype).kind in "iub" for v in node.inputs)
    calculating = ("Sum", "Prod", "Dot", "Softmax", "Grad", "Blockwise", "RV")
    return not any(word in type(node.op).__name__ for word in calculating)


_EXACT = (
    scalar.Abs,
    scalar.Clip,
    scalar.Identity,
    scalar.Neg,
    scalar.Maximum,
    scalar.Minimum,
    scalar.Second,
    scalar.Sign,
    scalar.Switch,
)


def _magnitude_of_terms(node: Apply, arguments: list) -> np.ndarray | None:
    """Return what the errors of a sum are relative to; None where they are to the result."""
    if isinstance(node.op, Sum):
        return np.sum(np.abs(arguments[0]), axis=node.op.axis)
    if isinstance(node.op, Dot):
        return np.dot(*(np.abs(argument) for argument in arguments))
    if _adds(node):
        return sum(np.abs(np.asarray(argument, dtype="float64")) for argument in arguments)
    return None


def _adds(node: Apply) -> bool:
    return isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, scalar.Add | scalar.Sub)


def _multiplies(node: Apply) -> bool:
    if isinstance(node.op, Elemwise):
        return isinstance(node.op.scalar_op, scalar.Mul | scalar.Sqr)
    return isinstance(node.op, Dot)


def _terms_of_each_sign(node: Apply, arguments: list) -> tuple[np.ndarray, np.ndarray]:
    """Return what the positive terms of a sum come to, and the negative ones; of finite numbers."""
    arguments = [np.asarray(a, dtype="float64") for a in arguments]
    arguments = [np.where(np.isfinite(a), a, 0) for a in arguments]
    above = [np.maximum(a, 0) for a in arguments]
    below = [np.maximum(-a, 0) for a in arguments]
    if isinstance(node.op, Sum):
        return tuple(np.sum(part, axis=node.op.axis) for (part,) in (above, below))
    if isinstance(node.op, Dot):
        (a, b), (minus_a, minus_b) = above, below
        return np.dot(a, b) + np.dot(minus_a, minus_b), np.dot(a, minus_b) + np.dot(minus_a, b)
    if isinstance(node.op.scalar_op, scalar.Sub):
        above[1], below[1] = below[1], above[1]
    return sum(above), sum(below)


def _overflown(value, positive, negative, largest, both):
    """Return what a sum becomes where its terms of one sign overflow by themselves, or of both."""
    is_over, is_under = positive > largest, negative > largest
    outcomes = [is_over & is_under, is_over & (both != -np.inf), is_under & (both != np.inf)]
    outcome = np.select(outcomes, [both, np.inf, -np.inf], value)
    return np.where(np.isfinite(value), outcome, outcome + value)  # terms were infinite, or NaN


# ---- scalar Ops on whole arrays


class Vectorised:
    """A scalar Op applied to arrays: what PyTensor's Python code does entry by entry.

    PyTensor hands the entries of a `Composite` to Python one by one, and as Python's floats, which
    do not overflow where float32 does and refuse to be divided by zero. This calculates with NumPy,
    in the types that the graph says.
    """

    def __init__(self, op: scalar.ScalarOp):
        self.op, self.nout = op, op.nout

    def __call__(self, *arguments, **_):
        results = self._results(arguments)
        return results if self.nout > 1 else results[0]

    def _results(self, arguments: tuple) -> list[np.ndarray]:
        if not isinstance(self.op, scalar.Composite):
            types = [scalar.get_scalar_type(a.dtype)() for a in arguments]
            return apply_scalar(
                self.op, arguments, [v.dtype for v in self.op(*types, return_list=True)]
            )
        inner = self.op.fgraph
        values = dict(zip(inner.inputs, arguments, strict=True))
        for node in inner.toposort():
            given = [v.data if isinstance(v, Constant) else values[v] for v in node.inputs]
            results = apply_scalar(node.op, given, [v.dtype for v in node.outputs])
            values.update(zip(node.outputs, results, strict=True))
        results = [v.data if isinstance(v, Constant) else values[v] for v in inner.outputs]
        # Copies, since one result may be written over an argument that is another result.
        return [np.array(r) for r in np.broadcast_arrays(*results, *arguments)[: len(results)]]


def apply_scalar(op: scalar.ScalarOp, arguments: Sequence, dtypes: Sequence[str]) -> list:
    """Apply a scalar Op to arrays; return its results in these types."""
    if np.dtype(dtypes[0]).kind == "f":
        # NumPy would make half floats of small integers.
        arguments = [
            a if np.asarray(a).dtype.kind == "f" else np.asarray(a, dtypes[0]) for a in arguments
        ]
    results = _function(op, len(arguments))(*arguments)
    return [
        np.asarray(result, dtype=dtype)
        for result, dtype in zip(results if op.nout > 1 else [results], dtypes, strict=True)
    ]


def _clip(x, low, high):
    return np.where(x < low, low, np.where(x > high, high, x))


_OWN: dict[type, Callable] = {
    scalar.Second: lambda x, y: np.broadcast_to(y, np.broadcast_shapes(np.shape(x), np.shape(y))),
    scalar.Clip: _clip,
    scalar.Add: lambda *terms: reduce(np.add, terms),
    scalar.Mul: lambda *factors: reduce(np.multiply, factors),
    Softplus: lambda x: np.logaddexp(np.zeros((), np.asarray(x).dtype), x),
}


def has_no_function(op: scalar.ScalarOp) -> bool:
    """Tell whether PyTensor's Python code would go through an array entry by entry, for no need."""
    return isinstance(op, scalar.Composite | scalar.Second | scalar.Clip | Softplus)


@cache
def _function(op: scalar.ScalarOp, n_arguments: int) -> Callable:
    """Return NumPy's or SciPy's function for a scalar Op; where there is none, that of the Op."""
    if isinstance(op, scalar.Cast):
        return lambda x: x
    name, n_inputs, _ = getattr(op, "nfunc_spec", None) or ("", 0, 0)
    if name and n_inputs == n_arguments:
        return import_func_from_string(name)
    return _OWN.get(type(op)) or np.frompyfunc(op.impl, n_arguments, op.nout)
