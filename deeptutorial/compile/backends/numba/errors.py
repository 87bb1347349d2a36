"""Errors that compiled code raises, with the numbers that they tell of.

Numba never frees what it makes of an exception's arguments, unless they are constants: a kilobyte
for each error. So compiled code leaves the numbers in a known place, and raises an exception that
takes them from there. (PyTensor makes each error anew, of its text and what it says of the graph.)
"""

import llvmlite.binding as llvm
import numpy as np
from numba import types
from numba.extending import intrinsic

from deeptutorial.compile.backends.numba.kernels.threads import named_address
from deeptutorial.compile.ops import checked_labels, draws, minibatch_slice

__all__ = ["NoSuchClassError", "NoSuchCoinError", "NoSuchMinibatchError", "note"]

_integers = np.zeros(2, np.int64)
_floats = np.zeros(1)
llvm.add_symbol("deeptutorial.noted.int64", _integers.ctypes.data)
llvm.add_symbol("deeptutorial.noted.float64", _floats.ctypes.data)


@intrinsic
def note(typing_context, place, number):
    """Leave a number, an int64 or a float64, for an error that is raised next."""

    def codegen(context, builder, signature, values):
        start = named_address(builder, f"deeptutorial.noted.{number}")
        start = builder.inttoptr(start, values[1].type.as_pointer())
        builder.store(values[1], builder.gep(start, [values[0]]))
        return context.get_dummy_value()

    return types.void(types.int64, number), codegen


class NoSuchMinibatchError(minibatch_slice.NoSuchMinibatchError):
    """The noted integers are the index and the number of rows."""

    def __init__(self, length: int | str):
        if not isinstance(length, str):
            length = minibatch_slice.no_such_minibatch(_integers[0], _integers[1], length)
        super().__init__(length)


class NoSuchCoinError(draws.NoSuchCoinError):
    """The noted float is the probability."""

    def __init__(self, text: str | None = None):
        super().__init__(text or draws.no_such_coin(_floats[0]))


class NoSuchClassError(checked_labels.NoSuchClassError):
    """The first noted integer is the label."""

    def __init__(self, n_classes: int | str):
        if not isinstance(n_classes, str):
            n_classes = checked_labels.no_such_class(_integers[0], n_classes)
        super().__init__(n_classes)
