"""Whether a symbolic variable is true, which old code asks with ``if not W:``."""

from pytensor.scalar.basic import GE, GT, LE, LT
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.variable import _tensor_py_operators

__all__ = ["variables_are_true"]


def variables_are_true() -> None:
    """Make symbolic variables true in this process, as in Theano; PyTensor's raise a TypeError."""
    _tensor_py_operators.__bool__ = _is_there


def _is_there(variable) -> bool:
    op = variable.owner.op if variable.owner is not None else None
    if isinstance(op, Elemwise) and isinstance(op.scalar_op, LT | GT | LE | GE):
        raise TypeError(
            "a comparison of symbolic variables is neither true nor false before it has values; "
            "choose between values with theano.tensor.switch"
        )
    return True
