"""The labels of a data set as numbers."""

from collections.abc import Sequence

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.mode import Mode
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.traversal import graph_inputs
from pytensor.tensor.variable import TensorVariable

from deeptutorial.datasets.arrays import PART_NAMES
from deeptutorial.datasets.errors import DatasetError

__all__ = ["count_classes", "label_values"]


def label_values(labels: TensorVariable) -> np.ndarray:
    """Work out labels as `load_data` returns them, a symbolic cast of a shared variable."""
    # Once and for a cast: not worth a compiler's time. Values are handed over, since a shared
    # variable's own may lie on a device.
    shared = [v for v in graph_inputs([labels]) if isinstance(v, SharedVariable)]
    values = {v: pt.constant(v.get_value(borrow=True)) for v in shared}
    mode = Mode(linker="py", optimizer=None)
    return np.asarray(pytensor.function([], labels, mode=mode, givens=values)())


def count_classes(datasets: Sequence[tuple]) -> int:
    """Return how many classes a data set has, the labels being 0, 1, 2, ...

    Parameters
    ----------
    datasets : [(train_set_x, train_set_y), (valid_set_x, valid_set_y), (test_set_x, test_set_y)]
        As `load_data` returns them.

    Raises
    ------
    DatasetError
        If there are examples without a label, or labels that cannot be numbers of classes.
    """
    highest, n_examples = 0, 0
    for name, (_, labels) in zip(PART_NAMES, datasets, strict=True):
        values = label_values(labels)
        missing = int((values < 0).sum())
        if missing:
            raise DatasetError(
                f"{missing} of the {len(values)} examples of the {name} set have no label, and a "
                "classifier cannot learn without; a dA can"
            )
        highest, n_examples = max(highest, int(values.max())), n_examples + len(values)
    if highest >= n_examples:
        raise DatasetError(
            f"the labels go up to {highest}, which would be more classes than the {n_examples} "
            "examples; number the classes from 0 on"
        )
    return highest + 1
