"""Sums over an outer product, without making it.

Before, the contractive penalty of minibatches of B examples, say::

    J = d * W                       # (B, 1, H) times (1, V, H)
    penalty = sum(sqr(J))

After::

    penalty = sum(sum(sqr(d), axis=0) * sum(sqr(W), axis=1))

PyTensor takes a factor out of a sum if it has none of the axes that are summed over, and does so to
the gradient of this penalty. Here each axis is summed over by itself, among the factors that have
it: (B + V) H numbers are worked on and not B V H, and none of the arrays is larger than a factor.
It is the distributive law. As there, the parts may overflow or underflow where their product would
not, ``sqr(W)`` for one.

It is applied in Numba mode, where a function trains. ``mode.excluding("deeptutorial")`` leaves it
out.
"""

import pytensor.scalar as ps
import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import GraphRewriter, MergeOptimizer
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.math import Sum
from pytensor.tensor.variable import TensorVariable

from deeptutorial.compile.backends.numba.kernels.vector_math import FLOATS
from deeptutorial.compile.rewrites.patterns import replace, trains
from deeptutorial.compile.rewrites.registration import register

__all__ = ["SumOuterProducts"]

MULTIPLICATIVE = ps.Sqr | ps.Abs
"""Scalar Ops for which f(a b) = f(a) f(b)."""


class SumOuterProducts(GraphRewriter):
    """Sum the factors of an outer product, each along its own axes."""

    def apply(self, fgraph: FunctionGraph):
        if not trains(fgraph):
            return
        totals = {
            node.outputs[0]: total
            for node in fgraph.toposort()
            if isinstance(node.op, Sum) and (total := _sum_by_axes(node)) is not None
        }
        replace(fgraph, [*totals], [*totals.values()], "sum_outer_products")
        if totals:
            MergeOptimizer().rewrite(fgraph)  # the gradient may have the same sums


def _sum_by_axes(node: Apply) -> TensorVariable | None:
    """Return the sum in other words; None where that would take an array as large, too."""
    product = node.inputs[0]
    factors = _factors(product)
    summed = set(range(product.ndim) if node.op.axis is None else node.op.axis)
    types = {v.dtype for v in (*factors, product, node.outputs[0])}
    if len(types) > 1 or types.isdisjoint(FLOATS):
        return None
    is_changed = False
    for axis in sorted(summed):
        having = [f for f in factors if axis in _axes(f)]
        if having and set().union(*map(_axes, having)) != _axes(product):
            others = [f for f in factors if axis not in _axes(f)]
            factors = [*others, pt.sum(_multiplied(having), axis=axis, keepdims=True)]
            is_changed = True
    return pt.sum(_multiplied(factors), axis=tuple(summed)) if is_changed else None


def _factors(v: TensorVariable) -> list[TensorVariable]:
    scalar_op = v.owner.op.scalar_op if v.owner and isinstance(v.owner.op, Elemwise) else None
    if isinstance(scalar_op, ps.Mul):
        return [factor for argument in v.owner.inputs for factor in _factors(argument)]
    if isinstance(scalar_op, MULTIPLICATIVE):
        (argument,) = v.owner.inputs
        return [v.owner.op(factor) for factor in _factors(argument)]
    return [v]


def _axes(v: TensorVariable) -> set[int]:
    return {axis for axis, is_one in enumerate(v.type.broadcastable) if not is_one}


def _multiplied(factors: list[TensorVariable]) -> TensorVariable:
    return factors[0] if len(factors) == 1 else pt.mul(*factors)


# Before products are fused with what is elementwise, the factors' squares among it.
register("sum_outer_products", SumOuterProducts(), "numba", position=48.8)
