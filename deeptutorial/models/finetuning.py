"""The compiled functions that train a whole network on labels, and tell how well it does."""

import math
from collections.abc import Callable, Sequence

import pytensor
import pytensor.tensor as pt
from pytensor.compile.executor import Function
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

from deeptutorial.compile.backends.numba.modes import own_products_mode
from deeptutorial.datasets import PART_NAMES, count_minibatches
from deeptutorial.models.checks import checked_number, checked_size

__all__ = ["Score", "finetune_functions"]

Score = Callable[[], list[float]]


def finetune_functions(
    x: TensorVariable,
    y: TensorVariable,
    cost: TensorVariable,
    errors: TensorVariable,
    params: Sequence[SharedVariable],
    datasets: Sequence[tuple[SharedVariable, TensorVariable]],
    batch_size: int,
    learning_rate: float | TensorVariable,
) -> tuple[Function, Score, Score]:
    """Compile a step of fine-tuning, and the errors on the two other sets.

    See `SdA.build_finetune_functions`.

    Parameters
    ----------
    x, y : symbolic minibatch and its labels
    cost : symbolic scalar
        What a step brings down.
    errors : symbolic scalar
        The part of the minibatch that is classified wrongly.
    params : sequence of shared variables
        What a step changes.
    datasets, batch_size, learning_rate
    """
    batch_size = checked_size("batch_size", batch_size)
    learning_rate = checked_number("learning_rate", learning_rate, 0, math.inf)
    _, n_valid_batches, n_test_batches = (
        count_minibatches(set_x, batch_size, name)
        for name, (set_x, _) in zip(PART_NAMES, datasets, strict=True)
    )

    index = pt.lscalar("index")
    batch = slice(index * batch_size, (index + 1) * batch_size)

    def on_minibatches_of(part: tuple) -> dict:
        set_x, set_y = part
        return {x: set_x[batch], y: pt.cast(set_y[batch], y.dtype)}

    gparams = pt.grad(cost, params)
    train_fn = pytensor.function(
        [index],
        cost,
        updates=[
            (param, param - learning_rate * gparam)
            for param, gparam in zip(params, gparams, strict=True)
        ],
        givens=on_minibatches_of(datasets[0]),
        mode=own_products_mode(),
        name="train",
    )
    valid_score_i, test_score_i = (
        pytensor.function([index], errors, givens=on_minibatches_of(part), name=name)
        for name, part in zip(("valid", "test"), datasets[1:], strict=True)
    )

    def valid_score() -> list[float]:
        scores = [valid_score_i(i) for i in range(n_valid_batches)]  # asked for all at once
        return [float(score) for score in scores]

    def test_score() -> list[float]:
        scores = [test_score_i(i) for i in range(n_test_batches)]  # asked for all at once
        return [float(score) for score in scores]

    return train_fn, valid_score, test_score
