"""Exercise 1: the lowest value that the cost can have, and that of the mean digit."""

import functools
from typing import Any

import numpy as np

from deeptutorial.exercises.verdicts import NotYet, digits, numbers, telling

__all__ = ["check"]


@telling
def check(answer: Any) -> None:
    """Check a pair of numbers: the lowest cost possible, and the cost of the mean digit.

    Both as means over the training set of ``load_data("digits")``. It prints a line.
    """
    lowest, of_mean = numbers(answer, 2, "two numbers, (lowest, of the mean digit)")
    right_lowest, right_of_mean = _costs()
    scales = {
        -1: "the sign is wrong: formula (4) has a minus in front.",
        1 / 784: "that is a mean over the pixels. Formula (4) adds them up.",
        1 / np.log(2): "those are bits. Formula (4) has the natural logarithm.",
        len(digits()): "that is a sum over the images, and their mean was asked for.",
    }
    for scale, fault in scales.items():
        if _near(lowest, scale * right_lowest) and _near(of_mean, scale * right_of_mean):
            raise NotYet(fault)
    if _near(lowest, right_of_mean) and _near(of_mean, right_lowest):
        raise NotYet("the two have changed places.")
    if abs(lowest) < 1e-3:
        raise NotYet("the first is 0 only if each pixel is 0 or 1. What does one of 0.5 cost?")
    if not _near(lowest, right_lowest):
        way = "low" if lowest < right_lowest else "high"
        raise NotYet(f"the first is too {way}. Which z makes a pixel's cost smallest, given its x?")
    if _near(of_mean, 784 * np.log(2)):
        raise NotYet("the second is the cost of grey all over, and the mean digit is not that.")
    if not _near(of_mean, right_of_mean):
        raise NotYet("the second is not it. z is the same for all images there: the mean of X.")


def _near(value: float, right: float) -> bool:
    return abs(value - right) < 0.005 * abs(right)


@functools.cache
def _costs() -> tuple[float, float]:
    """Return both costs, by the entropies of the coins that the pixels are."""
    X = digits()
    p = X.mean(axis=0, dtype="float64")
    lowest = np.mean([_entropy(rows).sum(axis=1).mean() for rows in np.array_split(X, 50)])
    return float(lowest), float(_entropy(p).sum())


def _entropy(p: np.ndarray) -> np.ndarray:
    p = p.astype("float64")
    q = 1 - p
    return -(p * np.log(np.where(p > 0, p, 1)) + q * np.log(np.where(q > 0, q, 1)))
