"""PyTensor's assertions about shapes are left out for JAX and PyTorch, which check them themselves.

Before::

    Assert{msg='Could not broadcast dimensions'}(Shape_i{0}(x), Eq(Shape_i{0}(x), Shape_i{0}(y)))

After::

    Shape_i{0}(x)

PyTensor asserts in this way that what is added elementwise has the same shape, where it only needs
the shape of the sum. JAX cannot run an assertion, and PyTensor warns for each that is lost; but
this one does not get lost, since JAX refuses to compile for such shapes. PyTorch complains when it
adds them. An assertion that somebody wrote is never left out here: PyTorch checks it, and where JAX
cannot, PyTensor warns.

It is applied where a function is compiled for ``deeptutorial.use("jax")`` or ``"pytorch"``.
"""

from pytensor.graph.basic import Apply, Constant
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter
from pytensor.graph.traversal import graph_inputs
from pytensor.raise_op import Assert
from pytensor.tensor.shape import Shape, Shape_i

from deeptutorial.compile.rewrites.registration import register

__all__ = ["shape_asserts"]


_OF_PYTENSOR = (
    "Could not broadcast dimensions",
    "You have a shape error in your graph",
    "`x[i]` and `y` do not have the same shape",
    "Input array shape along reduced axes of tensordot are not equal",
)
"""How the messages begin of what PyTensor asserts about shapes by itself."""


@node_rewriter([Assert])
def shape_asserts(fgraph: FunctionGraph, node: Apply):
    """Leave out what PyTensor asserts by itself, if it is all about shapes."""
    if not node.op.msg.startswith(_OF_PYTENSOR):
        return False
    value, *conditions = node.inputs
    shapes = [n.outputs[0] for n in fgraph.apply_nodes if isinstance(n.op, Shape | Shape_i)]
    sources = graph_inputs(conditions, blockers=shapes)
    return [value] if all(isinstance(source, Constant) for source in sources) else False


# When no more shapes are inferred.
register("shape_asserts", dfs_rewriter(shape_asserts), position=99)
