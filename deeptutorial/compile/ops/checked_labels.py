"""Labels that are known to be those of classes, as an Op."""

from typing import ClassVar

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

__all__ = ["CheckedLabels", "NoSuchClassError", "no_such_class"]


class NoSuchClassError(IndexError):
    """An example has a label that is none of the classes."""


def no_such_class(label: int, n_classes: int) -> str:
    """Return what the error says."""
    return f"there is no class {label}: the labels of {n_classes} classes are 0 to {n_classes - 1}"


class CheckedLabels(Op):
    """A vector of labels as it is, if all of them are in ``range(n_classes)``, or else an error.

    What a label picks, a column of a matrix, is looked up without a look at its bounds by compiled
    code, which would read, and in a gradient write, what lies beside the matrix. JAX cannot raise
    an error from within a graph: there a wrong label becomes one that picks NaN.

    Parameters
    ----------
    n_classes : int

    Raises
    ------
    NoSuchClassError
        When it runs.
    """

    __props__ = ("n_classes",)
    view_map: ClassVar = {0: [0]}

    def __init__(self, n_classes: int):
        self.n_classes = n_classes

    def make_node(self, y):
        y = pt.as_tensor_variable(y)
        if y.ndim != 1 or not y.dtype.startswith(("int", "uint")):
            raise TypeError(f"expected a vector of integers, got {y.type}")
        return Apply(self, [y], [y.type()])

    def infer_shape(self, *arguments):
        # PyTensor 3.0 passes (graph, node, shapes), 3.3 (node, shapes).
        return arguments[-1]

    def connection_pattern(self, node):
        return [[False]]  # no gradient goes through integers

    def perform(self, node, inputs, output_storage):
        (y,) = inputs
        wrong = (y < 0) | (y >= self.n_classes)
        if wrong.any():
            raise NoSuchClassError(no_such_class(y[np.argmax(wrong)], self.n_classes))
        output_storage[0][0] = y
