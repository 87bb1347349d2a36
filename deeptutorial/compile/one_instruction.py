"""What Python does in one instruction, so that no signal can come in between.

Python looks for signals between its instructions, not within one; what an instruction calls that is
written in C is part of it.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import repeat, starmap
from operator import setitem

__all__ = ["places", "put", "set_attributes"]


def put(storages: Sequence[list], values: Iterable) -> None:
    """Put a value in each storage, which is a list of one value."""
    deque(map(setitem, storages, repeat(0), values), 0)


def set_attributes(attributes: Iterable[tuple[object, str, object]]) -> None:
    """Set attributes, each (object, name, value), of objects for which this calls no Python."""
    deque(starmap(setattr, attributes), 0)


def places(
    inputs: Sequence[list], outputs: Sequence[list], updates: dict[int, int] | None
) -> tuple[list[list], list[int]]:
    """Return where a function's results belong, and the number of the result for each place.

    A shared variable is to have its new value at once: until PyTensor comes to that, a signal may
    have been handled.

    Parameters
    ----------
    inputs, outputs : sequence of [value]
        The storages.
    updates : dict, optional
        The numbers of outputs, each with that of the input whose new value it is.
    """
    storages, numbers = list(outputs), list(range(len(outputs)))
    for output, place in (updates or {}).items():
        # A shared variable that is itself returned has one storage for both: PyTensor has to
        # return what is there before it puts the new value there.
        if not any(inputs[place] is storage for storage in outputs):
            storages.append(inputs[place])
            numbers.append(output)
    return storages, numbers
