"""Going through the epochs."""

from deeptutorial.training.early_stopping import EarlyStopping
from deeptutorial.training.epochs import (
    DivergenceError,
    count_minibatches,
    mean_cost,
    minibatches,
    print_line,
)

__all__ = [
    "DivergenceError",
    "EarlyStopping",
    "count_minibatches",
    "mean_cost",
    "minibatches",
    "print_line",
]
