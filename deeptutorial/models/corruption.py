"""Corruption of an input, equation (1) of the dA: the kinds of noise of Vincent et al. (2010)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import pytensor
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from deeptutorial.models.checks import checked_number
from deeptutorial.random import RandomStreams

__all__ = [
    "CORRUPTIONS",
    "Corruption",
    "Level",
    "Noise",
    "as_noise",
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
    floatX = pytensor.config.floatX
    hit = theano_rng.binomial(size=input.shape, n=1, p=corruption_level, dtype=floatX)
    salt = theano_rng.binomial(size=input.shape, n=1, p=0.5, dtype=floatX)
    # A hit is 1, or NaN where JAX was given what is no level, and makes NaN of the salt.
    return pt.switch(pt.neq(hit, 0), hit * salt, input)


def gaussian(
    input: TensorVariable, theano_rng: RandomStreams, corruption_level: Level
) -> TensorVariable:
    """Add to each entry a normal number of standard deviation `corruption_level`."""
    return input + corruption_level * theano_rng.normal(size=input.shape)


@dataclass(frozen=True)
class Noise:
    """A kind of noise: what it does, and the words for it.

    Attributes
    ----------
    corrupt : callable
        ``corrupt(input, theano_rng, corruption_level)`` returns the corrupted input.
    does : str
        What it does to the pixels, for the help of a command line.
    name, effect : str
        What training with it is called, and what was done to an input, with ``{level:g}`` or
        ``{percent:g}`` where the level goes.
    highest : float
        The highest level that there is.
    """

    corrupt: Callable[[TensorVariable, RandomStreams, Level], TensorVariable]
    does: str
    name: str
    effect: str
    highest: float = 1

    def name_at(self, level: float) -> str:
        """Name the training with a level of it."""
        return self.name.format(level=level, percent=100 * level) if level else "no corruption"

    def effect_at(self, level: float) -> str:
        """Tell what a level of it does to an input."""
        return self.effect.format(level=level, percent=100 * level)


CORRUPTIONS = {
    "masking": Noise(
        masking,
        does="sets that part to zero",
        name="{percent:g} % corruption",
        effect="{percent:g} % of the pixels set to black",
    ),
    "salt-and-pepper": Noise(
        salt_and_pepper,
        does="sets that part to zero or one",
        name="{percent:g} % salt-and-pepper",
        effect="{percent:g} % of the pixels set to black or white",
    ),
    "gaussian": Noise(
        gaussian,
        does="adds normal noise to all, and the level is its standard deviation",
        name="noise of deviation {level:g}",
        effect="normal noise of deviation {level:g} added",
        highest=math.inf,
    ),
}
"""The kinds by name, as `dA` takes them."""


def as_noise(corruption: Corruption) -> Noise:
    """Return what is known of a kind of noise; of a function of one's own that is not much."""
    if isinstance(corruption, str):
        return CORRUPTIONS[corruption]
    return Noise(
        corruption,
        does="is a function of its own",
        name="{percent:g} % a function of its own",
        effect="level {level:g}, a function of its own",
        highest=math.inf,
    )


def checked_level(corruption_level: Level, corruption: Corruption) -> Level:
    """Return a level as `checked_number` does: a probability, or for other noise a strength."""
    highest = as_noise(checked_corruption(corruption)).highest
    return checked_number("corruption_level", corruption_level, 0, highest)


def checked_corruption(corruption: Corruption) -> Corruption:
    """Return `corruption` itself if it is a name of `CORRUPTIONS` or a function."""
    if callable(corruption) or (isinstance(corruption, str) and corruption in CORRUPTIONS):
        return corruption
    raise (ValueError if isinstance(corruption, str) else TypeError)(
        f"corruption must be one of {', '.join(CORRUPTIONS)}, or a function of input, theano_rng "
        f"and corruption_level, got {corruption!r}"
    )
