"""The rows of one minibatch, as an Op."""

import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

__all__ = ["MinibatchSlice"]


class MinibatchSlice(Op):
    """``x[start : start + length]`` with ``start = scale * index + offset``.

    Unlike the slice that it stands for, it says that its length does not depend on the index, which
    a compiler for static shapes has to know. Beyond the ends of x it is what the slice is in NumPy.

    Inputs are x, of any number of dimensions, and the index (an integer scalar).

    Parameters
    ----------
    length : int
        Rows of a whole minibatch.
    scale, offset : int
    """

    __props__ = ("length", "scale", "offset")

    def __init__(self, length: int, scale: int, offset: int = 0):
        self.length, self.scale, self.offset = length, scale, offset

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

    def is_whole(self, index: int, n_rows: int) -> bool:
        """Tell whether the slice lies within an x of so many rows."""
        rows = self.rows(index)
        return rows.start >= 0 and rows.stop <= n_rows

    def perform(self, node, inputs, output_storage):
        x, index = inputs
        output_storage[0][0] = x[self.rows(int(index))]
