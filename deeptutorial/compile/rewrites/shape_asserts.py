"""Assertions about shapes are left out for JAX and PyTorch, which check shapes themselves.

Before::

    Assert{msg='Could not broadcast dimensions'}(Shape_i{0}(x), Eq(Shape_i{0}(x), Shape_i{0}(y)))

After::

    Shape_i{0}(x)

PyTensor asserts in this way that what is added elementwise has the same shape, where it only needs
the shape of the sum. JAX cannot run an assertion, and PyTensor warns for each that is lost; but
this one does not get lost, since JAX refuses to compile for such shapes. PyTorch complains when it
adds them.

It is applied where a function is compiled for ``deeptutorial.use("jax")`` or ``"pytorch"``.
"""

from pytensor.graph.basic import Apply, Constant
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter
from pytensor.graph.traversal import ancestors
from pytensor.raise_op import Assert
from pytensor.tensor.shape import Shape, Shape_i

from deeptutorial.compile.rewrites.registration import register

__all__ = ["shape_asserts"]


@node_rewriter([Assert])
def shape_asserts(fgraph: FunctionGraph, node: Apply):
    """Leave an assertion out if all it asserts is about shapes."""
    value, *conditions = node.inputs
    shapes = [
        output
        for shape_node in fgraph.apply_nodes
        if isinstance(shape_node.op, Shape | Shape_i)
        for output in shape_node.outputs
    ]
    sources = [v for v in ancestors(conditions, blockers=shapes) if v.owner is None]
    if all(isinstance(source, Constant) for source in sources):
        return [value]
    return False


# When no more shapes are inferred.
register("shape_asserts", dfs_rewriter(shape_asserts), position=99)
