"""Errors that compiled code raises, with the numbers that they tell of.

Numba never frees what it makes of an exception's arguments, unless they are constants: a kilobyte
for each error. So compiled code leaves the numbers in a known place, and raises an exception that
takes them from there.
"""

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from deeptutorial.compile.backends.numba.kernels.threads import named_address
from deeptutorial.compile.ops import checked_labels, draws, minibatch_slice

__all__ = ["NoSuchClassError", "NoSuchCoinError", "NoSuchMinibatchError", "note"]

_integers = np.zeros(2, np.int64)
_floats = np.zeros(1)
llvm.add_symbol("deeptutorial.integers", _integers.ctypes.data)
llvm.add_symbol("deeptutorial.floats", _floats.ctypes.data)


@intrinsic
def note(typing_context, place, number):
    """Leave a number, an int64 or a float64, for an error that is raised next."""
    kind, name, word = {
        types.int64: (types.int64, "deeptutorial.integers", ir.IntType(64)),
        types.float64: (types.float64, "deeptutorial.floats", ir.DoubleType()),
    }[number]

    def codegen(context, builder, signature, values):
        start = builder.inttoptr(named_address(builder, name), word.as_pointer())
        builder.store(values[1], builder.gep(start, [values[0]]))
        return context.get_dummy_value()

    return types.void(types.int64, kind), codegen


class NoSuchMinibatchError(minibatch_slice.NoSuchMinibatchError):
    """The noted integers are the index and the number of rows."""

    def __init__(self, length: int | str):
        given = (length,) if isinstance(length, str) else (*map(int, _integers), length)
        super().__init__(*given)


class NoSuchCoinError(draws.NoSuchCoinError):
    """The noted float is the probability."""

    def __init__(self, text: str | None = None):
        super().__init__(float(_floats[0]) if text is None else text)


class NoSuchClassError(checked_labels.NoSuchClassError):
    """The first noted integer is the label."""

    def __init__(self, n_classes: int | str):
        given = (n_classes,) if isinstance(n_classes, str) else (int(_integers[0]), n_classes)
        super().__init__(*given)
