"""What an epoch is made of: minibatches, their progress, and the mean of their costs."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from tqdm import tqdm

from deeptutorial.training.interrupts import interrupts_held

__all__ = [
    "DivergenceError",
    "check_finite",
    "check_growth",
    "mean_cost",
    "minibatches",
]


EXPLOSION = 10
"""How many times the cost of untrained parameters an epoch may cost."""


class DivergenceError(ArithmeticError):
    """The cost, or a parameter, is no longer finite."""


def minibatches(n_train_batches: int, epoch: int, start: int = 0) -> Iterator[int]:
    """Count through the minibatches of an epoch, with a progress bar on a terminal.

    Ctrl-C takes effect between two minibatches, never within one.

    Parameters
    ----------
    n_train_batches : int
    epoch : int
        For the progress bar.
    start : int
        The first one, where an epoch is gone on with.
    """
    with (
        interrupts_held() as interrupt,
        tqdm(
            range(start, n_train_batches),
            initial=start,
            total=n_train_batches,
            desc=f"epoch {epoch}",
            unit="minibatch",
            leave=False,
            disable=None,
            mininterval=0.2,
        ) as progress,
    ):
        for batch_index in progress:
            yield batch_index
            if (exception := interrupt()) is not None:
                raise exception


def mean_cost(costs: Sequence[float], learning_rate: float) -> float:
    """Average the costs of an epoch's minibatches, in float64.

    Raises
    ------
    DivergenceError
        If the mean is not finite.
    """
    # The same bits whether the costs are floats or, as compiled functions return them, arrays.
    mean = np.asarray(costs, dtype="float64").mean()
    if not np.isfinite(mean):
        first = int(np.argmin(np.isfinite(costs)))
        raise DivergenceError(
            f"the cost became {costs[first]} at minibatch {first} of the epoch: the learning rate "
            f"of {learning_rate:g} is too high; try {learning_rate / 10:g}"
        )
    return mean


def check_finite(parameters: Iterable[tuple[str, np.ndarray]], learning_rate: float) -> None:
    """Look whether the last step has made parameters useless, which no later step's cost tells.

    Raises
    ------
    DivergenceError
        If one has NaN or infinity in it, or what becomes infinite in a product.
    """
    for name, value in parameters:
        with np.errstate(all="ignore"):
            square = np.vdot(value, value)
        if not np.isfinite(square):
            raise DivergenceError(
                f"{name} became too large to calculate with: the learning rate of "
                f"{learning_rate:g} is too high; try {learning_rate / 10:g}"
            )


def check_growth(first_cost: float, cost: float, learning_rate: float, factor: float) -> None:
    """Look whether a cost has grown to many times that of the first minibatch.

    Raises
    ------
    DivergenceError
        If it is more than `factor` times as high.
    """
    if cost > factor * first_cost > 0:
        raise DivergenceError(
            f"the cost grew from {first_cost:g} to {cost:g}: the learning rate of "
            f"{learning_rate:g} is too high; try {learning_rate / 10:g}"
        )
