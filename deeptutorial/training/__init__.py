"""Going through the epochs."""

from deeptutorial.training.epochs import (
    DivergenceError,
    count_minibatches,
    mean_cost,
    minibatches,
)

__all__ = ["DivergenceError", "count_minibatches", "mean_cost", "minibatches"]
