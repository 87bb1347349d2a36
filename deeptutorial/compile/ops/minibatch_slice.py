"""The rows of one minibatch, as an Op."""

from typing import ClassVar

import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

__all__ = ["MinibatchSlice", "NoSuchMinibatchError", "no_such_minibatch"]


class NoSuchMinibatchError(IndexError):
    """A minibatch was asked for that the rows do not have."""


def no_such_minibatch(index: int, n_rows: int, length: int) -> str:
    """Return what the error says: of the minibatch's number, all rows, and those of a minibatch."""
    return (
        f"there is no minibatch {index}: {n_rows} rows make {-(-n_rows // length)} minibatches of "
        f"{length}, numbered from 0"
    )


class MinibatchSlice(Op):
    """``x[start : start + length]`` with ``start = scale * index + offset``.

    Unlike the slice that it stands for, it says that its length does not depend on the index, which
    a compiler for static shapes has to know. Beyond the ends of x it is what the slice is in NumPy,
    or else an error.

    Inputs are x, of any number of dimensions, and the index (an integer scalar).

    Parameters
    ----------
    length : int
        Rows of a whole minibatch.
    scale, offset : int
    must_exist : bool
        Whether a slice without rows is an error; `scale` must be positive then.

    Raises
    ------
    NoSuchMinibatchError
        When it runs.
    """

    __props__ = ("length", "scale", "offset", "must_exist")
    view_map: ClassVar = {0: [0]}

    def __init__(self, length: int, scale: int, offset: int = 0, must_exist: bool = False):
        self.length, self.scale, self.offset = length, scale, offset
        self.must_exist = must_exist

    def make_node(self, x, index):
        x, index = pt.as_tensor_variable(x), pt.as_tensor_variable(index)
        if x.ndim < 1 or index.ndim != 0 or not index.dtype.startswith(("int", "uint")):
            raise TypeError(f"expected rows and an integer scalar, got {x.type}, {index.type}")
        # The last minibatch of a set may have fewer rows, so there is no static number of them.
        rows = pt.tensor(dtype=x.dtype, shape=(None, *x.type.shape[1:]))
        return Apply(self, [x, index], [rows])

    def rows(self, index: int) -> slice:
        """Return the slice for an index."""
        start = self.scale * index + self.offset
        return slice(start, start + self.length)

    def check(self, index: int, n_rows: int) -> None:
        """Complain if the slice for an index has to have rows and has none."""
        if self.must_exist and not range(n_rows)[self.rows(index)]:
            raise NoSuchMinibatchError(no_such_minibatch(index, n_rows, self.length))

    def is_whole(self, index: int, n_rows: int) -> bool:
        """Tell whether the slice lies within an x of so many rows."""
        rows = self.rows(index)
        return rows.start >= 0 and rows.stop <= n_rows

    def is_numbered(self) -> bool:
        """Tell whether the slices for 0, 1 and so on are the rows from the first on, one by one."""
        return self.scale == self.length and self.offset == 0

    def perform(self, node, inputs, output_storage):
        x, index = inputs
        self.check(int(index), len(x))
        output_storage[0][0] = x[self.rows(int(index))]
