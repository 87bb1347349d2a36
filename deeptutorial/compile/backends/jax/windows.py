"""Rows that lie in a file go to the device in windows, the next while it trains on this one.

A window has the minibatches of some calls, in the order of the calls, whichever that is: an array
of shape (calls, rows of a minibatch, values of an example). Of a mapped file the whole set is never
on the device, nor in the memory of the process; the device computes with the same rows as ever.

That is so for a shared variable of which a function takes one minibatch a call and nothing else.
Of any other function's the device gets all rows.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.tensor.elemwise import Elemwise

from deeptutorial.compile.ops.minibatch_slice import MinibatchSlice

__all__ = ["Minibatches", "Taken", "calls_in_window", "taken_by_minibatches", "uses_of_rows"]

LARGEST_WINDOW = 32 << 20
"""Bytes of a window, where a single minibatch is not more; some three are there at a time."""

LEAST_WINDOWS = 4
"""So many for as many calls as there can be at once: nothing trains while the first is read."""


class Taken(NamedTuple):
    """How a function takes a minibatch of a variable: by which slice, and which of its inputs."""

    op: MinibatchSlice
    index_place: int


class Minibatches(NamedTuple):
    """The rows of some calls, which are yet to be read.

    Attributes
    ----------
    array : ndarray
        All rows.
    op : MinibatchSlice
    indices : sequence of int
        Of the minibatches, one a call.
    n_calls : int
        How many there is to be room for.
    """

    array: np.ndarray
    op: MinibatchSlice
    indices: Sequence[int]
    n_calls: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.n_calls, *self._of_call(self.indices[0]).shape)

    def read(self, part: tuple[slice, ...] = ()) -> np.ndarray:
        """Return them, or of each minibatch the part that a device gets; what is beyond is junk.

        Parameters
        ----------
        part : tuple of slice
            Of an array of this shape, with all the calls.
        """
        within = part[1:]
        window = np.empty(
            (self.n_calls, *self._of_call(self.indices[0])[within].shape), self.array.dtype
        )
        for rows, index in zip(window, self.indices, strict=False):
            rows[...] = self._of_call(index)[within]
        return window

    def _of_call(self, index: int) -> np.ndarray:
        return self.array[self.op.rows(index)]


def calls_in_window(taken: Iterable[tuple[np.ndarray, MinibatchSlice]], most_calls: int) -> int:
    """Return the calls whose minibatches make a window, of at most so many at once.

    Parameters
    ----------
    taken : iterable of (rows, slice)
        What a call takes.
    most_calls : int
    """
    n_bytes = sum(s.length * rows[:1].nbytes for rows, s in taken)
    return max(1, min(most_calls // LEAST_WINDOWS, LARGEST_WINDOW // max(1, n_bytes)))


def taken_by_minibatches(fgraph: FunctionGraph) -> dict[int, Taken]:
    """Return the places of shared variables that can come in windows, and how they are taken."""
    changed = set((fgraph.update_mapping or {}).values())
    found = {}
    for place, variable in enumerate(fgraph.inputs):
        if isinstance(variable, SharedVariable) and place not in changed:
            uses = set(uses_of_rows(fgraph, variable))
            if len(uses) == 1 and (use := uses.pop()) is not None:
                op, index = use
                if not isinstance(index, SharedVariable):
                    found[place] = Taken(op, fgraph.inputs.index(index))
    return found


def uses_of_rows(
    fgraph: FunctionGraph, rows: Variable
) -> list[tuple[MinibatchSlice, Variable] | None]:
    """Return each slice that is taken of rows, with its index; None for any other use.

    An elementwise function of the rows counts as the rows themselves.
    """
    uses: list[tuple[MinibatchSlice, Variable] | None] = []
    for node, place in fgraph.clients[rows]:
        if isinstance(node.op, MinibatchSlice) and place == 0:
            uses.append((node.op, node.inputs[1]))
        elif isinstance(node.op, Elemwise) and len(node.inputs) == 1:
            uses += uses_of_rows(fgraph, node.outputs[0])
        else:
            uses.append(None)
    return uses
