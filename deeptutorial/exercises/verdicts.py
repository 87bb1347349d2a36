"""What is said of an answer: one line, whatever the answer is."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from deeptutorial.datasets import read_dataset

__all__ = ["NotYet", "digits", "numbers", "result_of", "telling"]


class NotYet(Exception):
    """What is wrong with an answer, and where to look."""


def telling(find_fault: Callable[[Any], None]) -> Callable[[Any], None]:
    """Make a check of what raises `NotYet`: print its line, or that the answer is right."""

    @functools.wraps(find_fault)
    def check(answer: Any) -> None:
        try:
            find_fault(answer)
        except NotYet as fault:
            print(f"Not yet: {fault}")
        else:
            print("Right.")

    return check


def result_of(what: str, function: Callable, *arguments: Any, **options: Any) -> Any:
    """Call something of the reader's; whatever it raises becomes one line."""
    try:
        return function(*arguments, **options)
    except Exception as error:
        first_line = (str(error).strip() or "no message").splitlines()[0]
        raise NotYet(f"{what} stops with {type(error).__name__}: {first_line:.120}") from error


def numbers(answer: Any, count: int, example: str) -> list[float]:
    """Return the numbers of an answer, which may be NumPy's."""
    try:
        found = np.asarray(answer, dtype="float64").ravel()
    except (TypeError, ValueError) as error:
        raise NotYet(f"the answer is to be {example}, not {type(answer).__name__}.") from error
    if found.size != count:
        raise NotYet(f"the answer is to be {example}, and these are {found.size} number(s).")
    if not np.isfinite(found).all():
        raise NotYet("there is NaN or infinity in it. Is there a 0 log 0 on the way?")
    return found.tolist()


@functools.cache
def digits() -> np.ndarray:
    """Return the built-in digits that the exercises are about, one a row."""
    images = np.asarray(read_dataset("digits").train[0])
    return images.reshape(len(images), -1)
