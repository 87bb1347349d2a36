"""What stands behind digits and rectangles: noise, and pieces of photographs."""

import numpy as np
from sklearn.datasets import load_sample_images

__all__ = ["LEAST_DEVIATION", "grey_photographs", "noise", "pieces_of_photographs"]

SIDE = 28
LEAST_DEVIATION = 20
"""Of a piece's grey values. The authors left out what has little texture; the bound is ours."""


def noise(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw each pixel for itself, uniformly, (n, 28, 28) bytes."""
    return rng.integers(0, 256, (n, SIDE, SIDE), dtype="uint8")


def pieces_of_photographs(n: int, rng: np.random.Generator) -> np.ndarray:
    """Cut pieces out of scikit-learn's photographs at random places, (n, 28, 28) bytes.

    What has little texture, `LEAST_DEVIATION`, is thrown away and drawn again.
    """
    windows = [
        np.lib.stride_tricks.sliding_window_view(photograph, (SIDE, SIDE))
        for photograph in grey_photographs()
    ]
    found: list[np.ndarray] = []
    while len(found) < n:
        of_one = windows[rng.integers(len(windows))]
        piece = of_one[rng.integers(of_one.shape[0]), rng.integers(of_one.shape[1])]
        if piece.std() >= LEAST_DEVIATION:
            found.append(piece)
    return np.stack(found)


def grey_photographs() -> list[np.ndarray]:
    """Return the photographs that scikit-learn ships as bytes of grey: a temple, and a flower."""
    luma = np.array([0.299, 0.587, 0.114])
    return [np.rint(image @ luma).astype("uint8") for image in load_sample_images().images]
