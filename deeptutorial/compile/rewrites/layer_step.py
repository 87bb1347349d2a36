"""The backward pass of a network's layer and the update of its weights become one Op.

Before, for a layer that makes ``dot(x, W)`` of ``x`` and whose product has the gradient ``d``::

    dot(x, W)
    dx = dot(d, W.T)            new_W = W - rate * dot(x.T, d)

After::

    LayerProduct(x, W)
    dx, new_W = LayerStep(x, d, rate, W)

Only what is proved to be this is replaced (see `deeptutorial.compile.expressions`): weights whose
gradient is clipped, say, are left alone.

PyTensor makes of the update two products into new arrays and a pass over these; for weights of a
million numbers it takes ten times as long as all else. In one Op, W is read once for both, and
written in place.

Any network that learns by plain gradient descent has such layers. So that nobody's graph changes
because `deeptutorial` was imported, the rewrite is asked for by name; `SdA` does::

    mode = pytensor.compile.get_default_mode().including("layer_step")

It is for the Numba backend. ``mode.excluding("deeptutorial")`` leaves it out there too.
"""

from pytensor.compile.mode import optdb
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import (
    GraphRewriter,
    copy_stack_trace,
    dfs_rewriter,
    node_rewriter,
)
from pytensor.graph.traversal import ancestors
from pytensor.tensor.basic import cast
from pytensor.tensor.math import Dot
from pytensor.tensor.variable import TensorVariable

from deeptutorial.compile.expressions import elementwise_leaves, formula, value_at
from deeptutorial.compile.formulas import Formula, agree
from deeptutorial.compile.ops.layer_step import LayerProduct, LayerStep
from deeptutorial.compile.rewrites.patterns import first, transposed, updates_of

__all__ = ["FuseLayerStep"]


class FuseLayerStep(GraphRewriter):
    """Replace the update of each matrix by a `LayerStep`, where it is a step of a layer.

    Products with a matrix that the function is given become a `LayerProduct`.
    """

    def apply(self, fgraph: FunctionGraph):
        for W, new_W in updates_of(fgraph).items():
            found = _find_gradient(W, new_W)
            if found is None:
                continue
            gradient, rate = found
            x, d = transposed(gradient.owner.inputs[0]), gradient.owner.inputs[1]
            if not x.dtype == d.dtype == W.dtype or W.dtype not in ("float32", "float64"):
                continue
            dx = first(
                node.outputs[0]
                for node, place in _products(fgraph, d)
                if place == 0 and transposed(node.inputs[1]) is W
            )
            # The gradient of W is not made any more: nothing else may need it.
            outputs = {new_W} if dx is None else {dx, new_W}
            inputs = [x, d, rate]
            still_needed = set(ancestors([*fgraph.outputs, *inputs], blockers=outputs))
            if gradient in still_needed or outputs & set(ancestors(inputs)):
                continue

            step = LayerStep(sends_back=dx is not None)(x, d, rate, W, return_list=True)
            replaced = list(zip([v for v in (dx, new_W) if v is not None], step, strict=True))
            for old, new in replaced:
                copy_stack_trace(old, new)
            fgraph.replace_all_validate(replaced, reason="fuse_layer_step")
        for node in fgraph.toposort():
            if isinstance(node.op, Dot) and _is_of_layer(fgraph, *node.inputs):
                product = LayerProduct()(*node.inputs)
                copy_stack_trace(node.outputs[0], product)
                fgraph.replace_validate(node.outputs[0], product, reason="fuse_layer_step")


def _is_of_layer(fgraph: FunctionGraph, x: TensorVariable, W: TensorVariable) -> bool:
    """Tell whether a product is that of a minibatch and of weights that the function is given."""
    return (
        W in fgraph.inputs
        and x.ndim == W.ndim == 2
        and x.dtype == W.dtype
        and W.dtype in ("float32", "float64")
    )


def _find_gradient(
    W: Variable, new_W: TensorVariable
) -> tuple[TensorVariable, TensorVariable] | None:
    """Return (G, rate) where a new value is ``W - rate * G``, G a product with a transpose."""
    if getattr(W, "ndim", 0) != 2 or W is new_W:
        return None
    leaves = [leaf for leaf in elementwise_leaves(new_W, stop={W}) if leaf is not W]
    if len(leaves) != 1:
        return None
    (gradient,) = leaves
    node = gradient.owner
    if node is None or not isinstance(node.op, Dot) or transposed(node.inputs[0]) is None:
        return None
    at_unit_gradient = {W: 0, gradient: -1}
    rate = formula(new_W, at_unit_gradient)
    old, g = Formula.of(W), Formula.of(gradient)
    if not agree(formula(new_W, {W: old, gradient: g}), old - rate * g):
        return None
    return gradient, cast(value_at(new_W, at_unit_gradient), W.dtype)


def _products(fgraph: FunctionGraph, variable: TensorVariable):
    """Go through the products that a matrix is part of, and which factor it is."""
    for node, place in fgraph.clients.get(variable, ()):
        if isinstance(node.op, Dot):
            yield node, place


@node_rewriter([LayerStep], inplace=True)
def layer_step_inplace(fgraph: FunctionGraph, node: Apply):
    """Let the step write into the weights, where nothing else needs their old values."""
    if node.op.inplace:
        return False
    return LayerStep(node.op.sends_back, inplace=True)(*node.inputs, return_list=True)


# Where the fused step of a dA is made, and behind it.
optdb.register("fuse_layer_step", FuseLayerStep(), "layer_step", "deeptutorial", position=1.4)
optdb.register(
    "layer_step_inplace",
    dfs_rewriter(layer_step_inplace, ignore_newtrees=True),
    "layer_step",
    "deeptutorial",
    position=50.96,
)
