"""Going through the epochs, and going on with them."""

from deeptutorial.training.early_stopping import EarlyStopping
from deeptutorial.training.epochs import (
    DivergenceError,
    check_finite,
    check_growth,
    mean_cost,
    minibatches,
)
from deeptutorial.training.folder_lock import RunFolderError
from deeptutorial.training.interrupts import TerminatedError, terminate_by_exception
from deeptutorial.training.printing import print_line
from deeptutorial.training.run import Run
from deeptutorial.training.stage import Stage
from deeptutorial.training.validation import Best, Curves

__all__ = [
    "Best",
    "Curves",
    "DivergenceError",
    "EarlyStopping",
    "Run",
    "RunFolderError",
    "Stage",
    "TerminatedError",
    "check_finite",
    "check_growth",
    "mean_cost",
    "minibatches",
    "print_line",
    "terminate_by_exception",
]
