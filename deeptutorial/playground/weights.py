"""Weights as whole numbers of few bits, for a page that holds all of a model."""

from typing import NamedTuple

import numpy as np

__all__ = ["MOST_BITS", "Quantised", "pack_bits", "quantised"]

MOST_BITS = 16


class Quantised(NamedTuple):
    """A matrix as ``(number - 2 ** (bits - 1)) * scale``, with a scale for each column.

    Attributes
    ----------
    numbers : ndarray of uint32, of shape (inputs, units)
        Each less than ``2 ** bits``.
    scale : ndarray of float32, of shape (units,)
    bits : int
    """

    numbers: np.ndarray
    scale: np.ndarray
    bits: int

    def values(self) -> np.ndarray:
        """Return the matrix that the page calculates with, float32."""
        return (self.numbers.astype(np.float32) - 2 ** (self.bits - 1)) * self.scale


def quantised(W: np.ndarray, bits: int) -> Quantised:
    """Round a matrix, each column to the multiples that its largest weight asks for.

    Parameters
    ----------
    W : ndarray of float, of shape (inputs, units)
    bits : int, from 2 to 16
    """
    highest = 2 ** (bits - 1) - 1
    scale = (np.abs(W).max(axis=0) / highest).astype(np.float32)
    steps = np.divide(W, scale, out=np.zeros(W.shape, np.float64), where=scale > 0)
    numbers = np.clip(np.rint(steps), -highest, highest) + 2 ** (bits - 1)
    return Quantised(numbers.astype(np.uint32), scale, bits)


def pack_bits(numbers: np.ndarray, bits: int) -> bytes:
    """Lay numbers end to end, the lowest bit first, row after row; the last byte is filled up."""
    places = np.arange(bits, dtype=np.uint32)
    each = (numbers.reshape(-1, 1) >> places) & 1
    return np.packbits(each.astype(np.uint8), bitorder="little").tobytes()
