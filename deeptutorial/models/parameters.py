"""The parameters that the models start with: drawn, and made shared variables."""

import os
from contextlib import suppress

import numpy as np
import pytensor
from pytensor.compile.sharedvalue import SharedVariable

__all__ = ["draw_seed", "draw_weights", "shared_in_floatX"]


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
