"""What is in a checkpoint, and whether a run can have written it.

Every entry is checked before anything is trained. What can be told from the file alone is checked
here; what has to fit the run, where the run puts it back:

================================= ================================================================
entry                             what it has to be
================================= ================================================================
``format``, ``version``           as `deeptutorial.archives.read_archive` asks for
``sha256``                        over all else in the file (likewise)
``count``                         a whole number from 1 on
``data``                          the checksum of this run's data (`Run`)
``settings``                      those of this run; ``training_epochs`` may be more now (`Run`)
``surroundings``                  texts, ``backend`` and ``threads`` among them; the same backend
                                  (`fingerprints.check_surroundings`, `Run`)
``stages``, at least one          this run's, by their names and in their order (`Run`)
- ``epoch``, ``minibatch``        whole numbers; no more than there are (`Stage`)
- ``first_cost``                  a finite number where there were costs; the first of the
                                  minibatches' if these are of the first epoch
- ``seconds``                     a number, not negative
``kept``                          what this run keeps, all of it and nothing else (`Run`)
- a variable that is trained      an array of its type and shape (`packing`); the parameters and
                                  the learning rate finite (`Stage.check_found`)
- a random stream's state         one that NumPy takes, of the same generator (`packing`)
- ``costs``                       a number for each epoch that is over, none of which has exploded
- ``stopping``                    numbers that the rule can have come to
                                  (`EarlyStopping.check_found`)
- ``curves``, ``best``            errors in percent; parameters of this network; and both agree
                                  with ``stopping`` (`validation`)
- what else a program keeps       of the kind of what is there: a list, a dict, or attributes of
                                  the same names and kinds; and what its ``check_found`` says
``costs``, an array               a finite number for each minibatch of the epoch that is not over
all other arrays                  are those that ``kept`` speaks of
================================= ================================================================

What cannot be told is told by nothing else in it: a weight of another value, say, or a
``first_cost`` of an epoch long over.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deeptutorial.texts import printable
from deeptutorial.training.epochs import EXPLOSION
from deeptutorial.training.packing import arrays_in

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


ENTRIES = {"format", "version", "count", "settings", "data", "surroundings", "stages", "kept"}

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
    unknown = sorted(set(header) - ENTRIES)
    if unknown:
        raise ValueError(f"it has {unknown[0]!r:.60}, which is not known")
    for name, kind in {"settings": dict, "data": str, "stages": list, "kept": dict}.items():
        if not isinstance(header.get(name), kind):
            raise ValueError(f"{name} is no {kind.__name__}")
    if not _is_count(header.get("count")) or not header["count"]:
        raise ValueError(f"count is {printable(header.get('count'), 60)}")
    if not re.fullmatch("[0-9a-f]{64}", header["data"]):
        raise ValueError("data is no checksum")
    stages = header["stages"]
    if not stages:
        raise ValueError("it has no stages")
    for number, stage in enumerate(stages):
        _check_stage(stage, header["kept"].get(f"{number} {_name_of(stage)}.costs"))
    _check_costs(arrays.get("costs"), stages[-1])
    strangers = sorted(set(arrays) - {"costs", *arrays_in(header["kept"])})
    if strangers:
        raise ValueError(f"it has an array {strangers[0]!r:.60}, which is not known")


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
        _check_growth(cost, stage)


def _check_costs(costs: np.ndarray | None, stage: dict) -> None:
    """Check the costs of the minibatches of an epoch that is not over."""
    if costs is None or costs.ndim != 1 or costs.dtype != np.float64:
        raise ValueError("costs is no vector of floats")
    if not np.isfinite(costs).all():
        raise ValueError("costs holds NaN or infinity")
    if len(costs) not in (0, stage["minibatch"]):
        raise ValueError(f"{len(costs)} costs are those of {stage['minibatch']} minibatches")
    if not len(costs):
        return
    _check_growth(costs.mean(), stage)
    if not stage["epoch"] and costs[0] != stage["first_cost"]:
        raise ValueError(f"first_cost is {stage['first_cost']}, and the first one {costs[0]}")


def _check_growth(cost: float, stage: dict) -> None:
    """Check a mean of costs, NaN where there were none, beside the first cost."""
    first = stage["first_cost"]
    if first is None and not math.isnan(cost):
        raise ValueError("there are costs, and no first_cost")
    if first is not None and cost > EXPLOSION * first > 0:
        raise ValueError(f"the cost grew from {first:g} to {cost:g}")


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
