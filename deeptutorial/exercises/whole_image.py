"""Exercise 4: what a dA that was trained on masked images would like to be shown."""

from collections.abc import Callable

import numpy as np

from deeptutorial.exercises.verdicts import NotYet, result_of, telling

__all__ = ["check"]

LEVEL = 0.3


@telling
def check(answer: Callable[[np.ndarray], np.ndarray]) -> None:
    """Check a function of images, one a row, that returns what to show the dA in their place.

    What hidden units receive from it is compared with what they received on average in training,
    at a corruption level of 0.3. It prints a line.
    """
    if not callable(answer):
        raise NotYet("the answer is to be a function of images, say lambda images: ...")
    rng = np.random.default_rng(0)
    images, W = rng.random((40, 50)).astype("float32"), rng.normal(size=(50, 30))
    shown = np.asarray(result_of("your function", answer, images.copy()))
    if shown.shape != images.shape:
        raise NotYet(f"of images of shape {images.shape} it makes {shown.shape}.")
    if np.mean((shown == 0) & (images > 0)) > 0.05:
        raise NotYet("that leaves pixels out again, and the whole image is there to be used.")
    received = np.asarray(shown, dtype="float64") @ W
    kept = np.mean([rng.random(images.shape) > LEVEL for _ in range(4000)], axis=0)
    in_training = (images * kept) @ W
    # The factor that brings the one nearest to the other, and what no factor explains.
    factor = float(np.vdot(received, in_training)) / max(float(np.vdot(received, received)), 1e-12)
    left = np.linalg.norm(factor * received - in_training) / np.linalg.norm(in_training)
    if left > 0.1:
        raise NotYet("the units receive something else than they did on average in training.")
    if factor > 1.03:
        raise NotYet("the units receive less than in training. How much of an image was left?")
    if factor < 0.97:
        raise NotYet("the units receive more than in training, where a part was missing.")
