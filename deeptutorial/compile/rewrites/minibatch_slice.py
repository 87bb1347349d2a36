"""A slice with symbolic ends whose length is constant becomes one Op.

Before::

    Subtensor{start:stop}(x, index * 20, (index + 1) * 20)

After::

    MinibatchSlice{length=20, scale=20, offset=0}(x, index)

JAX compiles for fixed shapes, and refuses a slice with ends that it does not know. That the ends
are 20 apart, whatever the index, is in the graph, but has to be worked out: both are a multiple of
the index and a constant, and the multiples are the same. (PyTorch could do without; but there,
working the ends out would be several operations on a device, and waiting for them.)

In a function that trains the slice has to have rows. NumPy's meaning of a slice beyond the end, no
rows at all, would make a cost of NaN of a wrong index, and parameters of NaN; here it is an error.

It is applied to rows of what the function is given, in Numba mode and where a function is compiled
for ``deeptutorial.use("c")``, if it trains; for ``"jax"`` or ``"pytorch"``, always.
``mode.excluding("deeptutorial")`` leaves it out.
"""

from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import (
    GraphRewriter,
    copy_stack_trace,
    dfs_rewriter,
    node_rewriter,
)
from pytensor.scalar.basic import Add, Cast, Mul, Sub
from pytensor.tensor.basic import ScalarFromTensor
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.subtensor import Subtensor

from deeptutorial.compile.ops.minibatch_slice import MinibatchSlice
from deeptutorial.compile.rewrites.patterns import trains
from deeptutorial.compile.rewrites.registration import register

__all__ = ["ExistingMinibatches", "elementwise_source", "minibatch_slice"]


class ExistingMinibatches(GraphRewriter):
    """In a function that trains, replace slices by a `MinibatchSlice` that has to have rows."""

    def apply(self, fgraph: FunctionGraph):
        slices = [node for node in fgraph.toposort() if isinstance(node.op, Subtensor)]
        if slices and trains(fgraph):
            for node in slices:
                taken = _taken(fgraph, node, must_exist=True)
                if taken is not None:
                    fgraph.replace_validate(node.outputs[0], taken, reason="existing_minibatches")


@node_rewriter([Subtensor])
def minibatch_slice(fgraph: FunctionGraph, node: Apply):
    """Replace ``x[a * index + b : a * index + c]`` by a `MinibatchSlice`."""
    taken = _taken(fgraph, node, must_exist=False)
    return False if taken is None else [taken]


def _taken(fgraph: FunctionGraph, node: Apply, must_exist: bool) -> Variable | None:
    """Return the rows of a minibatch that a slice takes; None if it is another slice."""
    x, *ends = node.inputs
    if len(node.op.idx_list) != 1 or len(ends) != 2:
        return None
    (rows,) = node.op.idx_list
    if (
        not isinstance(rows, slice)
        or rows.step is not None
        or elementwise_source(x) not in fgraph.inputs
    ):
        return None
    start, stop = (_multiple_of_input(fgraph, end) for end in ends)
    if start is None or stop is None:
        return None
    (scale, index, offset), (stop_scale, stop_index, stop_offset) = start, stop
    length = stop_offset - offset
    if index is None or (scale, index) != (stop_scale, stop_index) or length <= 0:
        return None
    if must_exist and scale <= 0:
        return None
    taken = MinibatchSlice(length, scale, offset, must_exist)(x, index)
    copy_stack_trace(node.outputs[0], taken)
    return taken


def elementwise_source(x: Variable) -> Variable:
    """Return what x is an elementwise function of, labels that are cast to integers say."""
    while x.owner is not None and isinstance(x.owner.op, Elemwise) and len(x.owner.inputs) == 1:
        x = x.owner.inputs[0]
    return x


def _multiple_of_input(
    fgraph: FunctionGraph, number: Variable
) -> tuple[int, Variable | None, int] | None:
    """Return (a, v, b) where an integer is a v + b, with v given to the function; None if not.

    v is None for a constant.
    """
    if isinstance(number, Constant):
        return 0, None, int(number.data)
    if number in fgraph.inputs:
        return (1, number, 0) if number.dtype.startswith(("int", "uint")) else None
    op = None if number.owner is None else number.owner.op
    if isinstance(op, ScalarFromTensor):
        return _multiple_of_input(fgraph, number.owner.inputs[0])
    # Smaller integers begin anew at 128 or 32768, unsigned ones below 0: no multiple any more.
    if not isinstance(op, Elemwise) or number.dtype not in ("int32", "int64"):
        return None
    found = [_multiple_of_input(fgraph, term) for term in number.owner.inputs]
    terms = [term for term in found if term is not None]
    if len(terms) < len(found) or len({v for _, v, _ in terms if v is not None}) > 1:
        return None
    v = next((v for _, v, _ in terms if v is not None), None)
    (a, _, b), *others = terms
    for c, _, d in others:
        if isinstance(op.scalar_op, Add):
            a, b = a + c, b + d
        elif isinstance(op.scalar_op, Sub):
            a, b = a - c, b - d
        elif isinstance(op.scalar_op, Mul) and 0 in (a, c):
            a, b = a * d + c * b, b * d
        else:
            return None
    return (a, v, b) if others or isinstance(op.scalar_op, Cast) else None


# At first, before anything is made of the ends of the slice (its length, for one).
register("existing_minibatches", ExistingMinibatches(), "numba", position=0.04)
register("minibatch_slice", dfs_rewriter(minibatch_slice), position=0.05)
