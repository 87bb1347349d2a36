"""The size of a draw is made known to JAX.

Before::

    CoinFlips(state, MakeVector(Shape_i{0}(x), Shape_i{1}(x)), p)

After::

    CoinFlips(state, JAXShapeTuple(Shape_i{0}(x), Shape_i{1}(x)), p)

JAX compiles for fixed shapes, and knows that of x when it does; but in a vector, the numbers become
data. PyTensor does the same with the sizes of its own random variables.

It is applied where a function is compiled for ``deeptutorial.use("jax")``.
"""

from pytensor.graph.basic import Apply
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter
from pytensor.tensor.basic import MakeVector

from deeptutorial.compile.ops.draws import Draw
from deeptutorial.compile.rewrites.registration import register

__all__ = ["draw_size"]


@node_rewriter([Draw])
def draw_size(fgraph: FunctionGraph, node: Apply):
    """Let the size be a tuple where it is put together from numbers."""
    from pytensor.link.jax.dispatch.shape import JAXShapeTuple  # needs JAX

    state, size, *parameters = node.inputs
    if size.owner is None or not isinstance(size.owner.op, MakeVector):
        return False
    return node.op(state, JAXShapeTuple()(*size.owner.inputs), *parameters, return_list=True)


# Where PyTensor does so.
register(
    "draw_size",
    dfs_rewriter(draw_size),
    position=100,
)
