"""A training step of a dA with tied weights becomes one Op.

Before, for a minibatch ``x`` (the scalars that the gradient drags along left out)::

    next_state, kept = CoinFlips(state, shape, p)               tilde_x = kept * x
    y = sigmoid(dot(tilde_x, W) + b)            a = dot(y, W.T) + b'
    L = -sum(x * log(sigmoid(a)) + (1 - x) * log(1 - sigmoid(a)), axis=1)
    da = s * (sigmoid(a) - x)                   dy = dot(da, W) * y * (1 - y)
    W - r * (dot(tilde_x.T, dy) + dot(da.T, y)) b - r * sum(dy)    b' - r * sum(da)

After::

    L, W, b, b', next_state = DenoisingStep(x, r * s, W, b, b', state, shape, p)

One Op, because the five products share W, which is too large to be read from memory as often as
that, and because a row of W can stay with one core from the first product to the update only if
one piece of code sees them all. Noise that is not made by coin flips, and noise that something else
in the graph looks at too, is made as before, and ``tilde_x`` handed to the Op.

The step is matched by proof (see `deeptutorial.compile.rewrites.expressions`): it does not matter
how the cost was written, nor in which form its gradient arrives, but a graph that cannot be proved
to compute this, because its gradients are clipped, say, or a constant is added in its logarithms,
is left to `deeptutorial.compile.rewrites.fused_products`. So is one where anything else needs one
of the intermediate products, which would then be calculated twice.

It is applied in Numba mode; ``mode.excluding("deeptutorial")`` leaves it out.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytensor.graph.basic import Apply, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import GraphRewriter, dfs_rewriter, node_rewriter
from pytensor.graph.traversal import ancestors, walk
from pytensor.tensor.basic import cast
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.math import Dot, Sum
from pytensor.tensor.variable import TensorVariable

from deeptutorial.compile.ops.denoising_step import DenoisingStep
from deeptutorial.compile.ops.draws import CoinFlips
from deeptutorial.compile.rewrites.expressions import elementwise_leaves, formula, value_at
from deeptutorial.compile.rewrites.formulas import Formula, agree, sigmoid, softplus
from deeptutorial.compile.rewrites.patterns import before, first, replace, transposed, updates_of
from deeptutorial.compile.rewrites.registration import register

__all__ = ["FuseDenoisingStep"]


class FuseDenoisingStep(GraphRewriter):
    """Replace each training step of a dA by a `DenoisingStep`."""

    def apply(self, fgraph: FunctionGraph):
        updates = updates_of(fgraph)
        if not updates:
            return
        for node in fgraph.toposort():
            if node in fgraph.apply_nodes and isinstance(node.op, Dot):
                step = _find_step(fgraph, node, updates)
                if step is None:
                    continue
                for corruption in step.corruptions:
                    if _can_replace(fgraph, step, corruption):
                        self._replace(fgraph, step, corruption)
                        break

    def _replace(self, fgraph: FunctionGraph, step: "_Step", corruption: "_Corruption"):
        replaced = [step.cost, *step.updated, *corruption.replaced]
        inputs = [step.x, step.step_size, *step.parameters, *corruption.inputs]
        L, *others = DenoisingStep(corruption.kind)(*inputs)
        replace(fgraph, replaced, [step.cost_from(L), *others], "fuse_denoising_step")


@dataclass(frozen=True)
class _Corruption:
    """How the Op gets its corrupted input, and what it then replaces besides."""

    kind: str
    inputs: tuple[Variable, ...] = ()
    replaced: tuple[Variable, ...] = ()
    made_inside: tuple[Variable, ...] = ()


@dataclass(frozen=True)
class _Step:
    """What was found of a training step."""

    x: TensorVariable
    corruptions: tuple[_Corruption, ...]
    parameters: tuple[TensorVariable, ...]
    updated: tuple[TensorVariable, ...]
    step_size: TensorVariable
    cost: TensorVariable
    cost_sign: int
    products: tuple[TensorVariable, ...]

    def cost_from(self, L: TensorVariable) -> TensorVariable:
        """Make what the graph has as its cost, one value an example or their sum, of L."""
        L = L if self.cost_sign > 0 else -L
        return L if self.cost.ndim == 1 else L.sum()


def _find_step(
    fgraph: FunctionGraph, decode: Apply, updates: dict[Variable, Variable]
) -> _Step | None:
    """Follow a graph from ``dot(y, W.T)``, if that is what `decode` is, to the whole step."""
    y, W_prime = decode.inputs
    W = transposed(W_prime)
    if W not in updates or y.ndim != 2:
        return None

    # Forward: y = sigmoid(dot(tilde_x, W) + b), a = dot(y, W.T) + b'.
    encode, b_row = _product_and_row(elementwise_leaves(y))
    a, b_prime_row = _plus_row(fgraph, decode.outputs[0])
    if encode is None or a is None or encode.owner.inputs[1] is not W:
        return None
    b, b_prime = before(("x", 0), b_row), before(("x", 0), b_prime_row)
    parameters = (W, b, b_prime)
    if any(p is None or p not in updates or p.dtype != W.dtype for p in parameters):
        return None
    if not _is(y, [encode, b_row], lambda product, row: sigmoid(product + row)):
        return None
    tilde_x = encode.owner.inputs[0]

    # The cost, and through it what x is.
    cost = _find_cost(fgraph, tilde_x, a)
    if cost is None:
        return None
    L, sign, x = cost
    if not x.dtype == tilde_x.dtype == W.dtype or W.dtype not in ("float32", "float64"):
        return None
    # One row for all examples, as target or as input, would be another calculation.
    if not x.type.broadcastable == tilde_x.type.broadcastable == (a.type.broadcastable[0], False):
        return None

    # Backward: da = s * (sigmoid(a) - x), dy = dot(da, W) * y * (1 - y), and their products.
    back = first(
        node.outputs[0]
        for node, place in fgraph.clients[W]
        if isinstance(node.op, Dot) and place == 1 and _is_output_gradient(node.inputs[0], x, a)
    )
    encoder_gradient = first(
        product
        for product in _transposed_products(fgraph, tilde_x)
        if back is not None
        and _is(product.owner.inputs[1], [back, y], lambda p, y: p * (y - y * y))
    )
    if back is None or encoder_gradient is None:
        return None
    da, dy = back.owner.inputs[0], encoder_gradient.owner.inputs[1]
    decoder_gradient = first(
        product for product in _transposed_products(fgraph, da) if product.owner.inputs[1] is y
    )
    db, db_prime = _column_sum(fgraph, dy), _column_sum(fgraph, da)
    if decoder_gradient is None or db is None or db_prime is None:
        return None

    # The updates: each parameter less the same multiple of its gradient.
    updated = tuple(updates[parameter] for parameter in parameters)
    at_unit_gradient = {W: 0, encoder_gradient: -1, decoder_gradient: 0}
    rate = formula(updated[0], at_unit_gradient)
    for new, leaves in (
        (updated[0], [W, encoder_gradient, decoder_gradient]),
        (updated[1], [b, db]),
        (updated[2], [b_prime, db_prime]),
    ):
        if not _is(new, leaves, lambda old, *parts: old - rate * sum(parts, Formula.of(0))):
            return None

    return _Step(
        x=x,
        corruptions=_corruptions(tilde_x, x),
        parameters=parameters,
        updated=updated,
        # da is s * (1/2 - 0) where x and a are 0.
        step_size=cast(
            2 * value_at(updated[0], at_unit_gradient) * value_at(da, {x: 0, a: 0}), W.dtype
        ),
        cost=L,
        cost_sign=sign,
        products=(encode, decode.outputs[0], back, encoder_gradient, decoder_gradient),
    )


def _can_replace(fgraph: FunctionGraph, step: _Step, corruption: _Corruption) -> bool:
    """Tell whether a step can be taken out, and nothing in it is needed elsewhere."""
    replaced = {step.cost, *step.updated, *corruption.replaced}
    inputs = [step.x, step.step_size, *corruption.inputs]
    if replaced & set(ancestors(inputs)):
        return False
    still_needed = set(ancestors([*fgraph.outputs, *inputs], blockers=replaced))
    return still_needed.isdisjoint([*step.products, *corruption.made_inside])


# ---- parts of the pattern


def _is(
    expression: TensorVariable, leaves: Sequence[TensorVariable], expected: Callable[..., Formula]
) -> bool:
    """Tell whether an expression is this function of its leaves."""
    variables = [Formula.of(leaf) for leaf in leaves]
    got = formula(expression, dict(zip(leaves, variables, strict=True)))
    return agree(got, expected(*variables))


def _is_output_gradient(da: TensorVariable, x: TensorVariable, a: TensorVariable) -> bool:
    """Tell whether this is ``s * (sigmoid(a) - x)``, and s made of scalars."""
    s = formula(da, {x: 0, a: 0}) * 2
    return _is(da, [x, a], lambda x, a: s * (sigmoid(a) - x))


def _product_and_row(leaves: list[TensorVariable]):
    """Return the two leaves as (a matrix product, a row), or (None, None)."""
    for product, row in (leaves, leaves[::-1]) if len(leaves) == 2 else ():
        node = product.owner
        if node is not None and isinstance(node.op, Dot) and before(("x", 0), row) is not None:
            return product, row
    return None, None


def _plus_row(fgraph: FunctionGraph, product: TensorVariable):
    """Return (product + row, row) for the sum that a product goes into, or (None, None)."""
    for node, _ in fgraph.clients.get(product, ()):
        if not isinstance(node.op, Elemwise):
            continue
        _, row = _product_and_row(list(node.inputs))
        if row is not None and _is(node.outputs[0], [product, row], operator.add):
            return node.outputs[0], row
    return None, None


def _find_cost(
    fgraph: FunctionGraph, tilde_x: TensorVariable, a: TensorVariable
) -> tuple[TensorVariable, int, TensorVariable] | None:
    """Return (sum, sign, x) where plus or minus the cross-entropy of x and sigmoid(a) is summed.

    x may be what was corrupted, one of its factors, or any other matrix beside `a`.
    """
    inputs = [] if tilde_x.owner is None else tilde_x.owner.inputs
    factors = [factor for factor in inputs if isinstance(factor, TensorVariable)]
    for summed in _elementwise_descendants(fgraph, a):
        for node, _ in fgraph.clients.get(summed, ()):
            if not isinstance(node.op, Sum) or node.op.axis not in (None, (1,), (0, 1)):
                continue
            for x in (tilde_x, *factors, *elementwise_leaves(summed, stop={a})):
                if x is a or not x.dtype == a.dtype == node.outputs[0].dtype:
                    continue
                for sign in (1, -1):
                    if _is(summed, [x, a], lambda x, a, sign=sign: (softplus(a) - x * a) * sign):
                        return node.outputs[0], sign, x
    return None


def _elementwise_descendants(fgraph: FunctionGraph, variable: TensorVariable):
    """Go through what is elementwise made of a variable, the nearest first."""

    def made_of(v):
        return [n.outputs[0] for n, _ in fgraph.clients.get(v, ()) if isinstance(n.op, Elemwise)]

    return walk([variable], made_of)


def _corruptions(tilde_x: TensorVariable, x: TensorVariable) -> tuple[_Corruption, ...]:
    """Return the ways to give the Op its corrupted input, the best one first."""
    if tilde_x is x:
        return (_Corruption("none"),)
    given = _Corruption("given", (tilde_x,))
    draws = [leaf for leaf in elementwise_leaves(tilde_x, stop={x}) if leaf is not x]
    if len(draws) != 1 or draws[0].owner is None or not isinstance(draws[0].owner.op, CoinFlips):
        return (given,)
    (draw,) = draws
    if not _is(tilde_x, [draw, x], operator.mul):
        return (given,)
    next_state, inputs = draw.owner.outputs[0], tuple(draw.owner.inputs)
    return (_Corruption("masking", inputs, (next_state,), made_inside=(draw,)), given)


def _transposed_products(fgraph: FunctionGraph, variable: TensorVariable):
    """Go through the products ``dot(variable.T, ?)``."""
    for node, _ in fgraph.clients.get(variable, ()):
        if len(node.outputs) == 1 and transposed(node.outputs[0]) is variable:
            for product, place in fgraph.clients.get(node.outputs[0], ()):
                if isinstance(product.op, Dot) and place == 0:
                    yield product.outputs[0]


def _column_sum(fgraph: FunctionGraph, variable: TensorVariable) -> TensorVariable | None:
    for node, _ in fgraph.clients.get(variable, ()):
        if isinstance(node.op, Sum) and node.op.axis == (0,):
            return node.outputs[0] if node.outputs[0].dtype == variable.dtype else None
    return None


@node_rewriter([DenoisingStep], inplace=True)
def denoising_step_inplace(fgraph: FunctionGraph, node: Apply):
    """Let the step write into the parameters, where nothing else needs their old values."""
    if node.op.inplace:
        return False
    return DenoisingStep(node.op.corruption, inplace=True)(*node.inputs, return_list=True)


# Behind `canonicalize`, which leaves each product in one form; before everything that costs time.
register("fuse_denoising_step", FuseDenoisingStep(), "numba", position=1.3)
register(
    "denoising_step_inplace",
    dfs_rewriter(denoising_step_inplace, ignore_newtrees=True),
    "numba",
    "inplace",
    position=50.95,
)
