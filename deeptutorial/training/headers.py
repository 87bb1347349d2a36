"""What the header of a checkpoint tells, and whether a run can have written it."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deeptutorial.texts import printable

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


MOST = 2**53
"""Of what is counted; nobody gets there, and whole numbers are exact up to here everywhere."""

LONGEST = 1e12
"""Seconds."""

HIGHEST = 1e300
"""Cost."""


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < MOST


FIELDS: dict[str, Callable[[object], bool]] = {
    "name": lambda value: isinstance(value, str),
    "epoch": _is_count,
    "minibatch": _is_count,
    "first_cost": lambda value: value is None or (type(value) is float and math.isfinite(value)),
    "seconds": lambda value: type(value) is float and 0 <= value < LONGEST,
}
"""What is known of a stage, and what it can be."""


def check_header(header: dict, arrays: dict[str, np.ndarray]) -> None:
    """Refuse what has the form of a checkpoint and was not written by `Run`.

    Raises
    ------
    ValueError
        The message tells which entry is wrong.
    """
    for name, kind in {"settings": dict, "data": str, "stages": list, "kept": dict}.items():
        if not isinstance(header.get(name), kind):
            raise ValueError(f"{name} is no {kind.__name__}")
    if not _is_count(header.get("count")):
        raise ValueError(f"count is {printable(header.get('count'), 60)}")
    if not re.fullmatch("[0-9a-f]{64}", header["data"]):
        raise ValueError("data is no checksum")
    stages = header["stages"]
    if not stages:
        raise ValueError("it has no stages")
    for number, stage in enumerate(stages):
        _check_stage(stage, header["kept"].get(f"{number} {_name_of(stage)}.costs"))
    _check_costs(arrays.get("costs"), stages[-1])


def _name_of(stage: object) -> object:
    return stage.get("name") if isinstance(stage, dict) else None


def _check_stage(stage: object, costs: object) -> None:
    """Check one stage, and the mean costs of its epochs."""
    if not isinstance(stage, dict) or set(stage) != set(FIELDS):
        raise ValueError(f"a stage has not the fields {', '.join(FIELDS)}")
    for field, can_be in FIELDS.items():
        if not can_be(stage[field]):
            raise ValueError(f"{field} of a stage is {printable(stage[field], 60)}")
    if not isinstance(costs, list) or len(costs) != stage["epoch"]:
        raise ValueError(f"there is no list of costs of the {stage['epoch']} epochs of a stage")
    for cost in costs:
        if type(cost) is not float or abs(cost) > HIGHEST:  # NaN where there were none
            raise ValueError(f"the mean cost of an epoch is {printable(cost, 60)}")


def _check_costs(costs: np.ndarray | None, stage: dict) -> None:
    """Check the costs of the minibatches of an epoch that is not over."""
    if costs is None or costs.ndim != 1 or costs.dtype != np.float64:
        raise ValueError("costs is no vector of floats")
    if not np.isfinite(costs).all():
        raise ValueError("costs holds NaN or infinity")
    if len(costs) and not stage["minibatch"]:
        raise ValueError(f"costs are those of {len(costs)} minibatches, but none is over")


def position_in(header: dict, number: int, name: str) -> Position:
    """Return how far a stage had come, by its number and its name.

    Raises
    ------
    ValueError
        If the stage of that number has another name.
    """
    found = header["stages"][number]
    if found["name"] != name:
        raise ValueError(f"its stage is called {found['name']!r:.60}, not {name!r}")
    return Position(**found)
