"""What the models' constructors share: arguments checked, parameters made."""

import math
import os
from contextlib import suppress
from numbers import Integral, Real

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

__all__ = [
    "checked_number",
    "checked_rng",
    "checked_size",
    "checked_variable",
    "draw_seed",
    "draw_weights",
    "shared_in_floatX",
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


def draw_seed(numpy_rng: np.random.RandomState | np.random.Generator) -> int:
    """Draw the seed of a symbolic random stream, as the tutorial does."""
    if isinstance(numpy_rng, np.random.Generator):
        return int(numpy_rng.integers(2**30))
    return int(numpy_rng.randint(2**30))


def draw_weights(
    numpy_rng: np.random.RandomState | np.random.Generator, bound: float, n_in: int, n_out: int
) -> np.ndarray:
    """Draw initial weights of shape (n_in, n_out), in float64, uniform in [-bound, bound).

    Raises
    ------
    MemoryError
        If the machine has not the memory for them. An operating system may promise it all the
        same, and end the process, or another one, later.
    """
    needed = n_in * n_out * 16  # as they are drawn, and in floatX
    with suppress(AttributeError, OSError, ValueError):  # not every system tells
        if needed > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):
            raise MemoryError(f"{n_in} x {n_out} weights need {needed / 1e9:.3g} GB")
    return numpy_rng.uniform(low=-bound, high=bound, size=(n_in, n_out))


def shared_in_floatX(value: np.ndarray, name: str | None = None) -> SharedVariable:
    """Make a shared variable in floatX."""
    return pytensor.shared(np.asarray(value, dtype=pytensor.config.floatX), name=name, borrow=True)


def checked_size(name: str, size: int) -> int:
    """Return a size as an int, or say what is wrong with it."""
    if isinstance(size, bool) or not isinstance(size, Integral):
        raise TypeError(f"{name} must be an integer, got {size!r}")
    if size < 1:
        raise ValueError(f"{name} must be at least 1, got {size}")
    return int(size)


def checked_number(name: str, number, low: float, high: float) -> float | TensorVariable:
    """Return a number as a float and a symbolic scalar in floatX, or say what is wrong with it."""
    if isinstance(number, Variable):
        if getattr(number, "ndim", None) != 0:
            raise TypeError(f"{name} must be a number or a symbolic scalar, got {number.type}")
        return pt.cast(number, pytensor.config.floatX)
    if isinstance(number, bool) or not isinstance(number, Real):
        raise TypeError(f"{name} must be a number or a symbolic scalar, got {number!r}")
    # The type of `Real` does not tell that one can be larger than a float.
    if not (low <= number <= high and math.isfinite(number)):  # type: ignore[operator]
        wanted = f"in [{low}, {high}]" if math.isfinite(high) else f"finite and at least {low}"
        raise ValueError(f"{name} must be {wanted}, got {number}")
    return float(number)


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
