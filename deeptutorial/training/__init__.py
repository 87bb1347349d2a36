"""Going through the epochs."""

from deeptutorial.training.checkpoints import RunFolderError
from deeptutorial.training.early_stopping import EarlyStopping
from deeptutorial.training.epochs import (
    DivergenceError,
    count_minibatches,
    mean_cost,
    minibatches,
    print_line,
)
from deeptutorial.training.interrupts import TerminatedError, terminate_by_exception
from deeptutorial.training.run import Run

__all__ = [
    "DivergenceError",
    "EarlyStopping",
    "Run",
    "RunFolderError",
    "TerminatedError",
    "count_minibatches",
    "mean_cost",
    "minibatches",
    "print_line",
    "terminate_by_exception",
]
