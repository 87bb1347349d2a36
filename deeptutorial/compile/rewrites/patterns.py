"""Parts of patterns that several rewrites look for."""

from collections.abc import Iterable, Sequence

from pytensor.graph.basic import Apply, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import copy_stack_trace
from pytensor.graph.traversal import ancestors
from pytensor.tensor.elemwise import DimShuffle
from pytensor.tensor.math import Dot
from pytensor.tensor.variable import TensorVariable

from deeptutorial.compile.backends.numba.kernels.vector_math import FLOATS

__all__ = ["first", "is_product", "replace", "trains", "transposed", "updates_of"]


def first(candidates: Iterable[TensorVariable]) -> TensorVariable | None:
    """Return the first of the candidates, or None if there is none."""
    return next(iter(candidates), None)


def before(order: tuple | None, variable: TensorVariable) -> TensorVariable | None:
    """Return what becomes this variable by a DimShuffle of this order."""
    node = variable.owner
    is_it = node is not None and isinstance(node.op, DimShuffle) and node.op.new_order == order
    return node.inputs[0] if is_it else None


def transposed(variable: TensorVariable) -> TensorVariable | None:
    """Return the matrix that this one is the transpose of."""
    return before((1, 0), variable)


def updates_of(fgraph: FunctionGraph) -> dict[Variable, Variable]:
    """Return the new value of each shared variable that the function updates."""
    return {
        fgraph.inputs[place]: fgraph.outputs[output]
        for output, place in (fgraph.update_mapping or {}).items()
    }


def is_product(node: Apply) -> bool:
    """Tell whether a node is a product of two matrices of floats."""
    if not isinstance(node.op, Dot):
        return False
    a, b = node.inputs
    return a.ndim == b.ndim == 2 and a.dtype == b.dtype and a.dtype in FLOATS


def replace(
    fgraph: FunctionGraph, old: Sequence[Variable], new: Sequence[Variable], reason: str
) -> None:
    """Put new variables in the places of old ones, all at once."""
    for one, other in zip(old, new, strict=True):
        copy_stack_trace(one, other)
    fgraph.replace_all_validate(list(zip(old, new, strict=True)), reason=reason)


def trains(fgraph: FunctionGraph) -> bool:
    """Tell whether a function updates a matrix by something that is made of a product."""
    new_matrices = [
        new for old, new in updates_of(fgraph).items()
        if getattr(new, "ndim", 0) == 2 and new is not old
    ]  # fmt: skip
    ops = (v.owner.op for v in ancestors(new_matrices) if v.owner is not None)
    # Before PyTensor's work on a graph, ``x @ W`` is a product for as many matrices as there are.
    return any(isinstance(getattr(op, "core_op", op), Dot) for op in ops)
