"""What the header of a checkpoint tells, and whether a run can have written it."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Position", "check_header", "position_in"]


@dataclass
class Position:
    """How far a stage has come.

    Attributes
    ----------
    epoch, minibatch : int
        The epoch that it is in, and how many minibatches of it are over.
    first_cost : float or None
        Of the very first minibatch, which met untrained parameters.
    seconds : float
        How long it took so far, in all runs together.
    """

    name: str
    epoch: int = 0
    minibatch: int = 0
    first_cost: float | None = None
    seconds: float = 0.0


KINDS = {
    "name": (str,),
    "epoch": (int,),
    "minibatch": (int,),
    "first_cost": (float, type(None)),
    "seconds": (float,),
}


def check_header(header: dict, arrays: dict[str, np.ndarray]) -> None:
    """Refuse what has the form of a checkpoint and was not written by `Run`.

    Raises
    ------
    KeyError, TypeError
    """
    for name, kind in {"settings": dict, "data": str, "stages": list, "kept": dict}.items():
        if not isinstance(header[name], kind):
            raise TypeError(f"{name} is no {kind.__name__}")
    for stage in header["stages"]:
        for name, kinds in KINDS.items():
            if type(stage[name]) not in kinds or (kinds == (int,) and stage[name] < 0):
                raise TypeError(f"{name} is {str(stage[name])[:60]}")
    if arrays["costs"].ndim != 1 or arrays["costs"].dtype != np.float64:
        raise TypeError("costs is no vector of floats")


def position_in(header: dict, number: int, name: str) -> Position:
    """Return how far a stage had come, by its number and its name.

    Raises
    ------
    ValueError
        If the stage of that number has another name.
    """
    found = header["stages"][number]
    if found["name"] != name:
        raise ValueError(f"its stage is called {found['name']!r}, not {name!r}")
    return Position(**{field: found[field] for field in KINDS})
