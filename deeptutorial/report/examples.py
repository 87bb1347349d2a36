"""Which test examples are shown, and what they are called."""

from collections.abc import Sequence

import numpy as np
from pytensor.compile.sharedvalue import SharedVariable

from deeptutorial.datasets.description import Description

__all__ = ["N_SHOWN", "names_of", "one_of_each_class"]

N_SHOWN = 10


def one_of_each_class(labels: np.ndarray) -> list[int]:
    """Choose the first example of each class, or the first ones where there are no classes."""
    classes = np.unique(labels[labels >= 0])[:N_SHOWN]
    if len(classes) < 2:
        return list(range(min(N_SHOWN, len(labels))))
    return [int(np.argmax(labels == c)) for c in classes]


def names_of(shown: Sequence[int], labels: np.ndarray, set_x: SharedVariable) -> list[str]:
    """Name examples by their classes, or by their places where they have none."""
    class_names = getattr(set_x.tag, "data", Description()).class_names
    return [
        str(k) if labels[k] < 0 else class_names[labels[k]] if class_names else str(labels[k])
        for k in shown
    ]
