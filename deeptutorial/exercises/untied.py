"""Exercise 5: a dA whose decoder has weights of its own."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor
from pytensor.compile.sharedvalue import SharedVariable

from deeptutorial.exercises.verdicts import NotYet, result_of, telling
from deeptutorial.models import dA

__all__ = ["check"]

N_VISIBLE, N_HIDDEN = 6, 4
MODE = "FAST_COMPILE"  # operation by operation, at once


@telling
def check(answer: type[dA]) -> None:
    """Check a subclass of `dA`: whether the decoder has weights of its own, and learns them.

    A small one is made, compared with formula (3), and trained for a step. It prints a line.
    """
    if not (isinstance(answer, type) and issubclass(answer, dA)):
        raise NotYet("the answer is to be a class, a subclass of dA; not one of its objects.")
    da = result_of(
        *("your class", answer, np.random.RandomState(1)), n_visible=N_VISIBLE, n_hidden=N_HIDDEN
    )
    own = _own_weights(da)
    _compare_decoder(da, own)
    _compare_step(da, own)


def _own_weights(da: dA) -> SharedVariable:
    own = da.W_prime
    if not isinstance(own, SharedVariable):
        raise NotYet("W_prime still is worked out from W: make it a shared variable of its own.")
    shape = np.shape(own.get_value())
    if shape != (N_HIDDEN, N_VISIBLE):
        raise NotYet(
            f"W_prime has shape {shape}. It leads from {N_HIDDEN} hidden units to {N_VISIBLE} "
            "pixels here."
        )
    if not any(param is own for param in da.params):
        raise NotYet("nobody trains W_prime: which list does the training step go through?")
    return own


def _compare_decoder(da: dA, own: SharedVariable):
    """Change each of the two matrices: formula (3) with the own one must still hold."""
    rng = np.random.default_rng(0)
    decode = _compiled([da.x], da.get_reconstructed_input(da.x))
    codes = rng.random((5, N_HIDDEN)).astype(da.x.dtype)
    for matrix in (own, da.W):
        matrix.set_value(rng.normal(size=np.shape(matrix.get_value())).astype(da.x.dtype))
        right = 1 / (1 + np.exp(-(codes @ own.get_value() + da.b_prime.get_value())))
        if not np.allclose(result_of("decoding", decode, codes), right, atol=1e-5):
            raise NotYet("the decoder does not follow formula (3) with W_prime in it.")


def _compare_step(da: dA, own: SharedVariable):
    """Compare the change of an entry with a finite difference of the cost."""
    cost, updates = result_of("get_cost_updates", da.get_cost_updates, 0.0, 0.5)
    cost_of = _compiled([da.x], cost)
    step = _compiled([da.x], cost, updates=updates)
    images = np.random.default_rng(1).random((5, N_VISIBLE)).astype(da.x.dtype)
    before, h = own.get_value(), 0.01
    both = []
    for sign in (1, -1):
        moved = before.copy()
        moved[2, 3] += sign * h
        own.set_value(moved)
        both.append(float(result_of("the cost", cost_of, images)))
    own.set_value(before)
    result_of("the training step", step, images)
    change = float(own.get_value()[2, 3] - before[2, 3])
    downhill = -0.5 * (both[0] - both[1]) / (2 * h)
    if not np.isclose(change, downhill, rtol=0.02, atol=1e-3):
        raise NotYet("a training step does not take W_prime down the slope of the cost.")


def _compiled(inputs: list, outputs: Any, **options: Any) -> Callable:
    return result_of(
        *("compiling it", pytensor.function, inputs, outputs),
        mode=MODE,
        on_unused_input="ignore",
        **options,
    )
