"""The size of a draw is made known to JAX.

Before::

    CoinFlips(state, MakeVector(Shape_i{0}(x), Shape_i{1}(x)), p)

After::

    CoinFlips(state, JAXShapeTuple(Shape_i{0}(x), Shape_i{1}(x)), p)

JAX compiles for fixed shapes, and knows that of x when it does; but in a vector, the numbers become
data. PyTensor does the same with the sizes of its own random variables.

It is applied where a function is compiled for ``deeptutorial.use("jax")``.
"""

from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter
from pytensor.tensor.random.rewriting.jax import size_parameter_as_tuple

from deeptutorial.compile.ops.draws import Draw
from deeptutorial.compile.rewrites.registration import register

__all__ = ["draw_size"]

draw_size = node_rewriter([Draw])(size_parameter_as_tuple.fn)

# Where PyTensor does so.
register("draw_size", dfs_rewriter(draw_size), position=100)
