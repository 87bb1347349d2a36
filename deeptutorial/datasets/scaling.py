"""Columns of any range brought to one that a model can learn, and back."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from deeptutorial.datasets.blocks import places_in_blocks
from deeptutorial.datasets.errors import DatasetError

__all__ = ["SCALINGS", "Scaling"]

SCALINGS = ("none", "minmax", "max", "standardize")
"""Nothing; each column to [0, 1]; all by one factor to [0, 1]; each to mean 0 and deviation 1."""


@dataclass(frozen=True)
class Scaling:
    """``(x - shift) * factor``, for each column or for all of them.

    Attributes
    ----------
    kind : {"minmax", "max", "standardize"}
    shift, factor : tuple of float
        One for each column, or a single one. The factor of a constant column is 0.
    """

    kind: str
    shift: tuple[float, ...]
    factor: tuple[float, ...]

    @classmethod
    def fitted(cls, kind: str, rows: np.ndarray) -> Self:
        """Choose shift and factor by the rows of a training set.

        Parameters
        ----------
        kind : {"minmax", "max", "standardize"}
        rows : ndarray of float, of shape (n, values), finite

        Raises
        ------
        ValueError
            If there is no such kind.
        DatasetError
            If the values do not suit it.
        """
        if kind not in SCALINGS[1:]:
            raise ValueError(f"unknown scaling {kind!r}: choose one of {', '.join(SCALINGS)}")
        low, high = rows.min(axis=0), rows.max(axis=0)
        with np.errstate(over="ignore", invalid="ignore"):  # is refused below
            if kind == "max":
                if low.min() < 0:
                    raise DatasetError(
                        f"max needs values of at least 0, and the least is {low.min():g}; take "
                        "minmax"
                    )
                shift, width = np.zeros(1), np.array([high.max()], dtype=np.float64)
            elif kind == "minmax":
                shift = low.astype(np.float64)
                width = high.astype(np.float64) - shift
            else:
                shift = rows.mean(axis=0, dtype=np.float64)
                width = _deviation(rows, shift)
                width[low == high] = 0  # rounding in the mean of equal values is no deviation
            factor = np.divide(1, width, out=np.zeros_like(width), where=width > 0)
        if not all(np.isfinite(numbers).all() for numbers in (shift, width, factor)):
            raise DatasetError(
                f"values from {low.min():g} to {high.max():g} are too large, or too near to each "
                f"other, for {kind}"
            )
        return cls(kind, tuple(shift.tolist()), tuple(factor.tolist()))

    def check_size(self, n_values: int) -> None:
        """See whether examples of so many values are what it was chosen for.

        Raises
        ------
        DatasetError
        """
        if len(self.shift) not in (1, n_values):
            raise DatasetError(
                f"an example has {n_values} values, and the scaling is for {len(self.shift)}"
            )

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Scale rows; what lies beyond the training set's range is brought to its ends.

        Parameters
        ----------
        rows : ndarray of shape (n, values)

        Returns
        -------
        ndarray of float64, of shape (n, values)
            In [0, 1] for "minmax" and "max".
        """
        with np.errstate(over="ignore"):  # far beyond the training set's range
            scaled = (rows - np.asarray(self.shift)) * np.asarray(self.factor)
        return scaled if self.kind == "standardize" else np.clip(scaled, 0, 1, out=scaled)

    def undo(self, scaled: np.ndarray) -> np.ndarray:
        """Bring scaled rows back to the units of the data; constant columns to their constant.

        Parameters
        ----------
        scaled : ndarray of shape (n, values)

        Returns
        -------
        ndarray of float64, of shape (n, values)
        """
        factor = np.asarray(self.factor)
        width = np.divide(1, factor, out=np.zeros_like(factor), where=factor > 0)
        return scaled * width + np.asarray(self.shift)

    def as_plain(self) -> dict:
        """Return it as JSON can hold it."""
        return {"kind": self.kind, "shift": list(self.shift), "factor": list(self.factor)}

    @classmethod
    def from_plain(cls, plain: object, n_values: int) -> Self:
        """Check what a file holds, for examples of so many values.

        Raises
        ------
        ValueError
        """
        if not isinstance(plain, dict) or set(plain) != {"kind", "shift", "factor"}:
            raise ValueError(f"a scaling must have kind, shift and factor, got {plain!r:.60}")
        if plain["kind"] not in SCALINGS[1:]:
            raise ValueError(f"unknown scaling {plain['kind']!r:.60}")
        numbers = []
        for name in ("shift", "factor"):
            values = plain[name]
            if not isinstance(values, list) or len(values) not in (1, n_values):
                raise ValueError(f"{name} of the scaling must be a list of 1 or {n_values} numbers")
            if not all(type(value) in (int, float) and abs(value) < 1e300 for value in values):
                raise ValueError(f"{name} of the scaling must hold finite numbers")
            numbers.append(tuple(map(float, values)))
        return cls(plain["kind"], *numbers)


def _deviation(rows: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each column, some rows at a time: there may be many."""
    squares = np.zeros_like(mean)
    for place in places_in_blocks(rows):
        squares += ((rows[place] - mean) ** 2).sum(axis=0)
    return np.sqrt(squares / len(rows))
