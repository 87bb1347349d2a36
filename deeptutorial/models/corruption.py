"""Corruption of an input, equation (1) of the dA: the kinds of noise of Vincent et al. (2010)."""

import math
from collections.abc import Callable
from typing import TypeAlias

import pytensor
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from deeptutorial.models.checks import checked_number
from deeptutorial.random import RandomStreams

__all__ = [
    "CORRUPTIONS",
    "Corruption",
    "checked_corruption",
    "checked_level",
    "gaussian",
    "masking",
    "salt_and_pepper",
]

Level: TypeAlias = float | TensorVariable
Corruption: TypeAlias = str | Callable[[TensorVariable, RandomStreams, Level], TensorVariable]


def masking(
    input: TensorVariable, theano_rng: RandomStreams, corruption_level: Level
) -> TensorVariable:
    """Set each entry to zero with probability `corruption_level`."""
    kept = theano_rng.binomial(
        size=input.shape, n=1, p=1 - corruption_level, dtype=pytensor.config.floatX
    )
    return kept * input


def salt_and_pepper(
    input: TensorVariable, theano_rng: RandomStreams, corruption_level: Level
) -> TensorVariable:
    """Set each entry, with probability `corruption_level`, to 0 or 1, as a fair coin falls."""
    hit = theano_rng.binomial(size=input.shape, n=1, p=corruption_level, dtype="bool")
    salt = theano_rng.binomial(size=input.shape, n=1, p=0.5, dtype=pytensor.config.floatX)
    return pt.switch(hit, salt, input)


def gaussian(
    input: TensorVariable, theano_rng: RandomStreams, corruption_level: Level
) -> TensorVariable:
    """Add to each entry a normal number of standard deviation `corruption_level`."""
    return input + corruption_level * theano_rng.normal(size=input.shape)


CORRUPTIONS = {"masking": masking, "salt-and-pepper": salt_and_pepper, "gaussian": gaussian}
"""The kinds by name, as `dA` takes them."""


def checked_level(corruption_level: Level, corruption: Corruption) -> Level:
    """Return a level as `checked_number` does: a probability, or for other noise a strength."""
    highest = 1 if corruption in ("masking", "salt-and-pepper") else math.inf
    return checked_number("corruption_level", corruption_level, 0, highest)


def checked_corruption(corruption: Corruption) -> Corruption:
    """Return `corruption` itself if it is a name of `CORRUPTIONS` or a function."""
    if callable(corruption) or (isinstance(corruption, str) and corruption in CORRUPTIONS):
        return corruption
    raise (ValueError if isinstance(corruption, str) else TypeError)(
        f"corruption must be one of {', '.join(CORRUPTIONS)}, or a function of input, theano_rng "
        f"and corruption_level, got {corruption!r}"
    )
