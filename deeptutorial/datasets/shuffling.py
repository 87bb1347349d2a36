"""Rows on disk brought into another order."""

import numpy as np

from deeptutorial.datasets.blocks import places_in_blocks
from deeptutorial.mapped_files import map_temporary_array

__all__ = ["put_in_order"]

CELLS_OF_A_PART = 1 << 25


def put_in_order(rows: np.ndarray, order: np.ndarray) -> None:
    """Do ``rows[:] = rows[order]`` for rows that may be more than the memory holds.

    They are gone through twice from the first to the last, since a disk is slow at single rows. In
    the first go each row comes to the part of a second file in which its place is; in the second,
    each part is put in order in memory.

    Parameters
    ----------
    rows : ndarray of shape (n, values), mapped
    order : ndarray of int, of shape (n,)
        Each row's number once.

    Raises
    ------
    OSError
        If there is no room for the second file.
    """
    n_of_part = max(1, CELLS_OF_A_PART // rows.shape[1])
    goal = np.empty_like(order)  # of each row
    goal[order] = np.arange(len(order))
    scattered, goal_of_scattered = map_temporary_array(rows.shape, rows.dtype), np.empty_like(order)
    ends = np.arange(0, len(rows), n_of_part)  # of what is in each part by now
    for place in places_in_blocks(rows):
        block, goals = rows[place], goal[place]
        by_part = np.argsort(goals // n_of_part, kind="stable")
        first_of_parts = np.flatnonzero(np.diff(goals[by_part] // n_of_part)) + 1
        for some in np.split(by_part, first_of_parts):
            part = goals[some[0]] // n_of_part
            to = slice(ends[part], ends[part] + len(some))
            scattered[to], goal_of_scattered[to] = block[some], goals[some]
            ends[part] = to.stop
    for start in range(0, len(rows), n_of_part):
        part = slice(start, start + n_of_part)
        rows[part] = scattered[part][np.argsort(goal_of_scattered[part])]
