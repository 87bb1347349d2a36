"""Rows some at a time, since they may lie on disk and be more than the memory holds."""

from collections.abc import Iterator

import numpy as np

__all__ = ["extent_of", "places_in_blocks"]

CELLS_AT_ONCE = 1 << 22


def places_in_blocks(rows: np.ndarray) -> Iterator[slice]:
    """Go through rows from the first to the last, some millions of values at a time."""
    n_at_once = max(1, CELLS_AT_ONCE * len(rows) // max(1, rows.size))
    return (slice(start, start + n_at_once) for start in range(0, len(rows), n_at_once))


def extent_of(rows: np.ndarray) -> tuple[float, float]:
    """Return the least and the largest value, NaN where there is one, going through once.

    Parameters
    ----------
    rows : ndarray of numbers, of shape (n, ...), not empty
    """
    lows, highs = [], []
    for place in places_in_blocks(rows):
        some = rows[place]
        lows.append(some.min())
        highs.append(some.max())
    return np.min(lows), np.max(highs)
