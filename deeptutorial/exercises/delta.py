"""Exercise 3: the derivative of the cost by what goes into the last sigmoid."""

from collections.abc import Callable

import numpy as np

from deeptutorial.exercises.verdicts import NotYet, result_of, telling

__all__ = ["check"]


@telling
def check(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """Check a function of x and z, arrays of the same shape, that returns dL/da of each pixel.

    It is compared with finite differences of formula (4). It prints a line.
    """
    if not callable(answer):
        raise NotYet("the answer is to be a function of x and z, say lambda x, z: ...")
    sure = np.array([[1.0]]), np.array([[1 - 1e-9]])
    if abs(_of(answer, *sure)[0, 0]) > 1e-6:
        raise NotYet(
            "with x = 1 and z nearly 1 nothing is left to learn, and yours is not 0 there."
        )
    rng = np.random.default_rng(0)
    x, a = rng.random((3, 5)), rng.normal(size=(3, 5))
    z, h = _sigmoid(a), 1e-5
    found = _of(answer, x, z)
    by_difference = (_cost(x, _sigmoid(a + h)) - _cost(x, _sigmoid(a - h))) / (2 * h)
    if np.allclose(found, by_difference, atol=1e-6):
        return
    if np.allclose(found, -by_difference, atol=1e-6):
        raise NotYet("the sign is wrong: which way does the cost go when a grows and x is 0?")
    if np.allclose(found * z * (1 - z), by_difference, atol=1e-6):
        raise NotYet("that is dL/dz. The sigmoid is still to come.")
    if np.allclose(found, by_difference * z * (1 - z), atol=1e-6):
        raise NotYet("one factor too many. What is left of s'(a) beside the derivative of log?")
    worst = tuple(np.argwhere(~np.isclose(found, by_difference, atol=1e-6))[0])
    raise NotYet(
        f"at x = {x[worst]:.2f} and a = {a[worst]:.2f} a finite difference says otherwise. "
        "Put z = s(a) into formula (4) before you differentiate."
    )


def _of(answer: Callable, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    found = np.asarray(result_of("your function", answer, x.copy(), z.copy()))
    if found.shape != x.shape:
        raise NotYet(f"of arrays of shape {x.shape} it makes {found.shape}, not one value a pixel.")
    return found


def _sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


def _cost(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return formula (4) of each pixel."""
    return -x * np.log(z) - (1 - x) * np.log(1 - z)
