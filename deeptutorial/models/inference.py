"""A trained network on NumPy arrays of any number of rows."""

import warnings

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.executor import Function
from pytensor.tensor.variable import TensorVariable

from deeptutorial.compile.backends.numba.modes import own_products_mode
from deeptutorial.datasets.arrays import ROUNDING, to_unit_interval
from deeptutorial.datasets.blocks import extent_of
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
    any_range : bool
        Whether rows that are not in [0, 1] are nothing to warn of.
    """

    def __init__(
        self,
        input: TensorVariable,
        output: TensorVariable,
        n_in: int,
        n_out: int,
        any_range: bool = False,
    ):
        self._input, self._output = input, output
        self._n_in, self._n_out = n_in, n_out
        self._any_range = any_range
        self._compiled: Function | None = None

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Return an array of shape (n, n_out) for one of shape (n, n_in).

        Bytes and 16-bit values become parts of 256 and of 65536, as in `load_data`.

        Raises
        ------
        TypeError, ValueError
            If `X` is no such array, or holds NaN or infinity.
        """
        X = checked_rows("X", X, self._n_in)
        if len(X):
            self._check_range(X)
        if self._compiled is None:
            rows = pt.matrix("rows", dtype=self._input.dtype)
            self._compiled = pytensor.function(
                [rows], self._output, givens={self._input: rows}, mode=own_products_mode()
            )
        result = np.empty((len(X), self._n_out), dtype=self._output.dtype)
        for start in range(0, len(X), ROWS_AT_A_TIME):
            piece = slice(start, start + ROWS_AT_A_TIME)
            rows = to_unit_interval(X[piece])
            result[piece] = self._compiled(np.asarray(rows, dtype=self._input.dtype))
        return result

    def _check_range(self, X: np.ndarray):
        low, high = to_unit_interval(np.array(extent_of(X)))  # NaN comes through both
        if not np.isfinite(low) or not np.isfinite(high):
            raise ValueError(f"X holds {'NaN' if np.isnan(low) else 'infinity'}")
        if not self._any_range and (low < -ROUNDING or high > 1 + ROUNDING):
            warnings.warn(
                f"X goes from {low:g} to {high:g}, but the network is for values in [0, 1]: scale "
                "X as what it was trained on (by `data.scaling.apply(X)` if it has a scaling)",
                stacklevel=4,  # up to who called the method of the model
            )
