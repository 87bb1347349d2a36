"""Exercise 6: noise of the reader's own, a third of it white."""

from collections.abc import Callable

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from pytensor.tensor.variable import TensorVariable

from deeptutorial.exercises.verdicts import NotYet, result_of, telling
from deeptutorial.models.corruption import Level
from deeptutorial.random import RandomStreams

__all__ = ["check"]

N_IMAGES, N_PIXELS = 400, 250
LEVEL = 0.3
MODE = "FAST_COMPILE"  # operation by operation, at once


@telling
def check(answer: Callable[[TensorVariable, RandomStreams, Level], TensorVariable]) -> None:
    """Check a function of the symbolic input, the random streams and the level.

    Grey images are corrupted by it, and the black, white and untouched pixels counted. It prints a
    line.
    """
    if not callable(answer):
        raise NotYet("the answer is to be a function of the input, the streams and the level.")
    x, level = pt.matrix("x"), pt.scalar("level")
    made = result_of("your function", answer, x, RandomStreams(1), level)
    if not isinstance(made, Variable):
        raise NotYet("it returns no graph: draw with theano_rng, so that each call draws anew.")
    corrupt = result_of(
        *("compiling it", pytensor.function, [x, level], made),
        mode=MODE,
        on_unused_input="ignore",
    )
    grey = np.full((N_IMAGES, N_PIXELS), 0.5, dtype=x.dtype)

    def corrupted(images: np.ndarray, part: float) -> np.ndarray:
        return result_of("your noise", corrupt, images, np.asarray(part, dtype=level.dtype))

    spoilt = corrupted(grey, LEVEL)
    if np.shape(spoilt) != grey.shape:
        raise NotYet(f"of {grey.shape} images and pixels it makes {np.shape(spoilt)}.")
    if spoilt.dtype != grey.dtype:
        raise NotYet(f"it makes {spoilt.dtype} of {grey.dtype}: draw with dtype=input.dtype.")
    _count(spoilt)
    if np.array_equal(spoilt, corrupted(grey, LEVEL)):
        raise NotYet("each call spoils the same pixels: draw with theano_rng.")
    if not np.array_equal(corrupted(grey, 0.0), grey):
        raise NotYet("at a level of 0 nothing is to change.")
    white_of_black = float(np.mean(corrupted(0 * grey, LEVEL) == 1))
    if abs(white_of_black - LEVEL / 3) > 0.01:
        raise NotYet("black pixels do not become white as often as grey ones. Add, or choose?")


def _count(spoilt: np.ndarray):
    """Look how many grey pixels became what, and whether each was drawn for itself."""
    black, white = spoilt == 0, spoilt == 1
    kept = spoilt == np.float32(0.5)
    if not (black | white | kept).all():
        raise NotYet("grey pixels become something that is neither black, white nor as before.")
    shares = {"kept": kept.mean(), "white": white.mean()}
    if abs(shares["kept"] - (1 - LEVEL)) > 0.01:
        raise NotYet(
            f"at a level of {LEVEL:g} it spoils {1 - shares['kept']:.0%} of the pixels. Is one "
            "that is to be white spoilt anyway?"
        )
    if abs(shares["white"] - LEVEL / 3) > 0.01:
        raise NotYet(
            f"of the spoilt pixels {shares['white'] / LEVEL:.0%} are white, and a third was asked "
            "for. Are the two draws independent?"
        )
    of_each_image, of_each_pixel = white.mean(axis=1), white.mean(axis=0)
    expected = np.sqrt(LEVEL / 3 * (1 - LEVEL / 3) / np.array([N_PIXELS, N_IMAGES]))
    if (np.array([of_each_image.std(), of_each_pixel.std()]) > 1.5 * expected).any():
        raise NotYet("pixels become white together. Each is to have a draw of its own.")
