"""Arguments of the models, checked: each is returned, or the message says what is wrong with it."""

import math
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.tensor.random.utils import RandomStream
from pytensor.tensor.variable import TensorVariable

from deeptutorial.datasets import PART_NAMES, label_values

__all__ = [
    "checked_datasets",
    "checked_input",
    "checked_levels",
    "checked_number",
    "checked_rng",
    "checked_rows",
    "checked_size",
    "checked_sizes",
    "checked_streams",
    "checked_variable",
]


def checked_rng(
    name: str, rng: np.random.RandomState | np.random.Generator
) -> np.random.RandomState | np.random.Generator:
    """Return `rng` itself if it is one of NumPy's, or say that it is not."""
    if not isinstance(rng, np.random.RandomState | np.random.Generator):
        raise TypeError(
            f"{name} must be a numpy.random.RandomState or a numpy.random.Generator, got {rng!r}"
        )
    return rng


def checked_streams(theano_rng):
    """Return symbolic random streams themselves if they draw as ours, or say that they do not."""
    if isinstance(theano_rng, RandomStream) or not hasattr(theano_rng, "binomial"):
        raise TypeError(
            "theano_rng must be a deeptutorial.RandomStreams, made as RandomStreams(123), "
            f"got {theano_rng!r}"
        )
    return theano_rng


def checked_size(name: str, size: int) -> int:
    """Return a size as an int, or say what is wrong with it."""
    if isinstance(size, bool) or not isinstance(size, Integral):
        raise TypeError(f"{name} must be an integer, got {size!r}")
    if size < 1:
        raise ValueError(f"{name} must be at least 1, got {size}")
    return int(size)


def checked_sizes(name: str, sizes: Sequence[int]) -> list[int]:
    """Return the sizes of layers, at least one, as ints, or say what is wrong with them."""
    if isinstance(sizes, str) or not isinstance(sizes, Sequence | np.ndarray):
        raise TypeError(f"{name} must be a sequence of integers, got {sizes!r}")
    if len(sizes) == 0:
        raise ValueError(f"{name} is empty, and there must be at least one hidden layer")
    return [checked_size(f"{name}[{i}]", size) for i, size in enumerate(sizes)]


def checked_number(name: str, number, low: float, high: float) -> float | TensorVariable:
    """Return a number as a float and a symbolic scalar in floatX, or say what is wrong with it."""
    if isinstance(number, Variable):
        if getattr(number, "ndim", None) != 0:
            raise TypeError(f"{name} must be a number or a symbolic scalar, got {number.type}")
        return pt.cast(number, pytensor.config.floatX)
    if isinstance(number, np.ndarray) and number.ndim == 0:
        number = number[()]
    if isinstance(number, bool) or not isinstance(number, Real):
        raise TypeError(f"{name} must be a number or a symbolic scalar, got {number!r}")
    # The type of `Real` does not tell that one can be larger than a float.
    if not (low <= number <= high and math.isfinite(number)):  # type: ignore[operator]
        wanted = f"in [{low}, {high}]" if math.isfinite(high) else f"finite and at least {low}"
        raise ValueError(f"{name} must be {wanted}, got {number}")
    return float(number)


def checked_levels(
    levels: Sequence[float] | None, n_layers: int, highest: float = 1
) -> list[float]:
    """Return a level for each layer, 0.1 for None, or say what is wrong with them."""
    if levels is None:
        return [0.1] * n_layers
    if isinstance(levels, str) or not isinstance(levels, Sequence | np.ndarray):
        raise TypeError(f"corruption_levels must be a sequence of numbers, got {levels!r}")
    if len(levels) != n_layers:
        raise ValueError(
            f"corruption_levels must have one level for each of the {n_layers} hidden layers, "
            f"got {len(levels)}"
        )
    return [
        checked_number(f"corruption_levels[{i}]", level, 0, highest)
        for i, level in enumerate(levels)
    ]


def checked_variable(name: str, variable, shape: tuple[int | None, ...]) -> TensorVariable:
    """Return `variable` itself if it has, as far as can be seen, the given shape (None: any)."""
    if not isinstance(variable, TensorVariable):
        raise TypeError(
            f"{name} must be a PyTensor variable, got {type(variable).__name__}"
            + ("; wrap it in pytensor.shared(...)" if isinstance(variable, np.ndarray) else "")
        )
    known = variable.type.shape
    if isinstance(variable, SharedVariable):
        known = variable.get_value(borrow=True).shape
    if len(known) != len(shape):
        kind = {1: "vector", 2: "matrix"}[len(shape)]
        raise TypeError(f"{name} must be a {kind}, got {len(known)} dimensions ({variable.type})")
    if any(
        have is not None and want is not None and have != want
        for have, want in zip(known, shape, strict=True)
    ):
        described = ", ".join("any" if side is None else str(side) for side in shape)
        raise ValueError(f"{name} must have shape ({described}), got {tuple(known)}")
    return variable


def checked_input(name: str, input, n_columns: int) -> TensorVariable:
    """Return a matrix of so many columns itself if floatX can hold what is calculated from it."""
    checked_variable(name, input, (None, n_columns))
    floatX = pytensor.config.floatX
    if pytensor.scalar.upcast(input.dtype, floatX) != floatX:
        raise TypeError(
            f"{name} holds {input.dtype}, and floatX is {floatX}: make it by "
            f"pytensor.tensor.matrix(), or cast it by pytensor.tensor.cast(x, {floatX!r})"
        )
    return input


def checked_datasets(datasets: Sequence[tuple], n_ins: int, n_outs: int) -> Sequence[tuple]:
    """Return the parts of a data set if they suit a network, or say what is wrong with them."""
    if len(datasets) != len(PART_NAMES):
        raise ValueError(f"datasets must be training, validation and test, got {len(datasets)}")
    for name, (set_x, set_y) in zip(PART_NAMES, datasets, strict=True):
        checked_variable(f"the {name} set's images", set_x, (None, n_ins))
        checked_variable(f"the {name} set's labels", set_y, (None,))
        if not set_y.dtype.startswith(("int", "uint")):
            raise TypeError(f"the {name} set's labels must be integers, got {set_y.type}")
        labels = label_values(set_y)
        n_examples = set_x.get_value(borrow=True).shape[0]
        if len(labels) != n_examples:
            raise ValueError(f"the {name} set has {n_examples} examples but {len(labels)} labels")
        if labels.min() < 0 or labels.max() >= n_outs:
            wrong = labels.min() if labels.min() < 0 else labels.max()
            raise ValueError(
                f"the {name} set's labels must be in [0, {n_outs - 1}] (n_outs={n_outs}), "
                f"got {wrong}"
            )
    return datasets


def checked_rows(name: str, X: np.ndarray, n_columns: int) -> np.ndarray:
    """Return an array of numbers, with so many columns, or say what is wrong with it."""
    X = np.asarray(X)
    if X.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be an array of numbers, got {X.dtype}")
    if X.ndim != 2 or X.shape[1] != n_columns:
        raise ValueError(f"{name} must have shape (any, {n_columns}), got {X.shape}")
    return X
