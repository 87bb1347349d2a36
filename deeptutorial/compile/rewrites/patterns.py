"""Parts of patterns that several rewrites look for."""

from collections.abc import Iterable

from pytensor.graph.basic import Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.tensor.elemwise import DimShuffle
from pytensor.tensor.variable import TensorVariable

__all__ = ["first", "transposed", "updates_of"]


def first(candidates: Iterable[TensorVariable]) -> TensorVariable | None:
    """Return the first of the candidates, or None if there is none."""
    return next(iter(candidates), None)


def transposed(variable: TensorVariable) -> TensorVariable | None:
    """Return the matrix that this one is the transpose of."""
    node = variable.owner
    is_transpose = (
        node is not None and isinstance(node.op, DimShuffle) and tuple(node.op.new_order) == (1, 0)
    )
    return node.inputs[0] if is_transpose else None


def updates_of(fgraph: FunctionGraph) -> dict[Variable, Variable]:
    """Return the new value of each shared variable that the function updates."""
    return {
        fgraph.inputs[place]: fgraph.outputs[output]
        for output, place in (fgraph.update_mapping or {}).items()
    }
