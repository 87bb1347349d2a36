"""Which inputs a hidden unit listens to: what there is to see of filters that are no pictures.

A weight is high where it lies beyond two standard deviations of the unit's weights, as ADAGE has it
for genes (J. Tan, J. H. Hammond, D. A. Hogan, C. S. Greene: ADAGE-based integration of publicly
available Pseudomonas aeruginosa gene expression data with denoising autoencoders. mSystems, 2016).
"""

import csv
import io
from collections.abc import Sequence

import numpy as np

__all__ = ["BEYOND", "deviations", "heaviest", "high_weights_table", "input_names"]

BEYOND = 2.0
"""Standard deviations from the mean of a unit's weights."""


def deviations(W: np.ndarray) -> np.ndarray:
    """Return how far each weight is from the mean of its unit's, in their standard deviations.

    Parameters
    ----------
    W : ndarray of shape (n_visible, n_hidden)

    Returns
    -------
    ndarray of float64, of the same shape
        0 for a unit whose weights are all the same.
    """
    W = np.asarray(W, dtype=np.float64)
    from_mean = W - W.mean(axis=0)
    spread = np.where(W.min(axis=0) < W.max(axis=0), W.std(axis=0), 0)
    return np.divide(from_mean, spread, out=np.zeros_like(from_mean), where=spread > 0)


def heaviest(of_unit: np.ndarray, at_most: int) -> list[int]:
    """Return the inputs of the heaviest weights, whatever their sign, the heaviest first.

    Parameters
    ----------
    of_unit : ndarray of shape (n_visible,)
        What `deviations` returns of a unit.
    """
    return np.argsort(-np.abs(of_unit), kind="stable")[:at_most].tolist()


def input_names(columns: Sequence[str], n_visible: int) -> Sequence[str]:
    """Return what the inputs are called; where they have no names, their numbers from 0 on."""
    return columns if len(columns) == n_visible else [str(i) for i in range(n_visible)]


def high_weights_table(W: np.ndarray, columns: Sequence[str] = (), delimiter: str = "\t") -> str:
    """List the high weights of all units, those of a unit together, the heaviest first.

    Parameters
    ----------
    W : ndarray of shape (n_visible, n_hidden)
    columns : sequence of str
        What the inputs are called, if they have names.
    delimiter : str

    Returns
    -------
    str
        A table of the columns unit, input, weight and deviations.
    """
    text = io.StringIO()
    write = csv.writer(text, delimiter=delimiter, lineterminator="\n").writerow
    write(["unit", "input", "weight", "deviations"])
    names, from_mean = input_names(columns, len(W)), deviations(W)
    for unit, of_unit in enumerate(from_mean.T):
        n_high = int((np.abs(of_unit) > BEYOND).sum())
        for i in heaviest(of_unit, n_high):
            write([unit, names[i], f"{W[i, unit]:.6g}", f"{of_unit[i]:.3f}"])
    return text.getvalue()
