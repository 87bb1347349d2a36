"""A trained network on NumPy arrays of any number of rows."""

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.executor import Function
from pytensor.tensor.variable import TensorVariable

from deeptutorial.compile.backends.numba.modes import own_products_mode
from deeptutorial.models.checks import checked_rows

__all__ = ["ROWS_AT_A_TIME", "RowFunction"]

ROWS_AT_A_TIME = 1000
"""Enough for fast matrix products, few enough for little memory."""


class RowFunction:
    """What a graph makes of the rows of an array; it is compiled at the first call.

    Parameters
    ----------
    input : symbolic matrix, shape (any, n_in)
    output : symbolic matrix, shape (any, n_out)
        Each row made of the same row of `input`.
    n_in, n_out : int
    """

    def __init__(self, input: TensorVariable, output: TensorVariable, n_in: int, n_out: int):
        self._input, self._output = input, output
        self._n_in, self._n_out = n_in, n_out
        self._compiled: Function | None = None

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Return an array of shape (n, n_out) for one of shape (n, n_in)."""
        X = checked_rows("X", X, self._n_in)
        if self._compiled is None:
            rows = pt.matrix("rows", dtype=self._input.dtype)
            self._compiled = pytensor.function(
                [rows], self._output, givens={self._input: rows}, mode=own_products_mode()
            )
        result = np.empty((len(X), self._n_out), dtype=self._output.dtype)
        for start in range(0, len(X), ROWS_AT_A_TIME):
            piece = slice(start, start + ROWS_AT_A_TIME)
            result[piece] = self._compiled(np.asarray(X[piece], dtype=self._input.dtype))
        return result
