"""What a training keeps of its looks at the validation set, and whether it can be what it kept."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable

from deeptutorial.texts import printable
from deeptutorial.training.early_stopping import MOST, EarlyStopping

__all__ = ["Best", "Curves"]

CLOSE = 1e-5
"""How far a percentage may be from the error that it was made of, as a part of it: float32."""


class Curves(dict):
    """Curves of errors, by their names: lists of points, each epochs and a percentage.

    Parameters
    ----------
    *names : str
    """

    def __init__(self, *names: str):
        super().__init__({name: [] for name in names})

    def check_found(self, found: Mapping) -> None:
        """Refuse what a checkpoint has in the place of these curves, if it cannot have come of it.

        Raises
        ------
        ValueError
        """
        if list(found) != list(self):
            raise ValueError(f"curves are called {printable(list(found), 60)}")
        for name, points in found.items():
            if not isinstance(points, list) or not all(map(_is_point, points)):
                raise ValueError(f"the curve {name!r} is no list of epochs and percentages")
            epochs = [epoch for epoch, _ in points]
            if epochs != sorted(set(epochs)):
                raise ValueError(f"the curve {name!r} goes back")


def _is_point(point: object) -> bool:
    return (
        isinstance(point, list)
        and len(point) == 2
        and all(type(number) is float and math.isfinite(number) for number in point)
        and 0 < point[0] < MOST
        and 0 <= point[1] <= 100
    )


class Best(dict):
    """A network where it was best on the validation set: empty until it was validated.

    Then it has ``params``, a list of arrays, and ``test score``, the part of wrong answers on the
    test set.

    Parameters
    ----------
    params : sequence of shared variables
    stopping : EarlyStopping
        Which is told of the errors on the validation set.
    curves : Curves
        Those on the validation set, and those on the test set wherever that was at its best.
    """

    def __init__(self, params: Sequence[SharedVariable], stopping: EarlyStopping, curves: Curves):
        super().__init__()
        self._params, self._stopping, self._curves = params, stopping, curves

    def check_found(self, found: Mapping) -> None:
        """Refuse what a checkpoint has in its place, if it cannot have come of this.

        The rule to stop by and the curves have to be what the checkpoint has of them.

        Raises
        ------
        ValueError
        """
        on_validation, on_test = self._curves.values()
        validated = self._stopping.best_iteration is not None
        if not bool(found) == validated == bool(on_validation) == bool(on_test):
            raise ValueError("the best, the curves and the rule to stop by do not belong together")
        if not found:
            return
        if set(found) != {"params", "test score"} or not isinstance(found["params"], list):
            raise ValueError(f"the best is {printable(list(found), 60)}")
        kinds = [_kind(param.get_value(borrow=True)) for param in self._params]
        if [_kind(value) for value in found["params"]] != kinds:
            raise ValueError("the best parameters are of other shapes or types")
        if not all(np.isfinite(value).all() for value in found["params"]):
            raise ValueError("the best parameters hold NaN or infinity")
        score = found["test score"]
        if type(score) is not float or not _is_close(100 * score, on_test[-1][1]):
            raise ValueError(f"the best has the test score {printable(score, 60)}")
        lowest = min(percentage for _, percentage in on_validation)
        if not _is_close(100 * self._stopping.best_loss, lowest):
            raise ValueError(f"the best loss is not the lowest error, {lowest:g} %")


def _kind(value: object) -> tuple | None:
    return (value.dtype, value.shape) if isinstance(value, np.ndarray) else None


def _is_close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=CLOSE, abs_tol=CLOSE)
