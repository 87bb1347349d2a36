"""The built-in digits as a data set: drawn once, then kept."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from deeptutorial.datasets.arrays import Dataset, checked_part
from deeptutorial.datasets.digits import make_digits
from deeptutorial.datasets.storage import locked, writable_folder
from deeptutorial.files import replacing

__all__ = ["N_DIGITS", "read_digits"]

N_DIGITS = 70_000
"""As many as MNIST has."""

FILE_NAME = "digits-1.npz"
"""The number goes up when the drawing changes, so that an older file is not taken for it."""


def read_digits() -> Dataset:
    """Return the built-in digits: 50 000, 10 000 and 10 000 of 28x28 pixels.

    The first call draws them and keeps them in the data folder; where no folder can be written
    to, they are drawn anew each time.
    """
    folder = writable_folder()
    if folder is None:
        images, labels = _draw()
    else:
        path = folder / FILE_NAME
        with locked(path):
            images, labels = _read(path) or _draw_and_keep(path)
    pieces = {"training": slice(50_000), "validation": slice(50_000, 60_000)}
    train, valid, test = (
        checked_part("digits", name, images[piece], labels[piece])
        for name, piece in (*pieces.items(), ("test", slice(60_000, None)))
    )
    return Dataset(train, valid, test, image_shape=(28, 28), source="built-in digits")


def _draw() -> tuple[np.ndarray, np.ndarray]:
    with tqdm(total=N_DIGITS, desc="drawing digits", unit="", disable=None, leave=False) as bar:
        return make_digits(N_DIGITS, progress=lambda finished: bar.update(finished - bar.n))


def _draw_and_keep(path: Path) -> tuple[np.ndarray, np.ndarray]:
    images, labels = _draw()
    try:
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, images=images, labels=labels)
    except OSError:
        pass  # A full disk costs the next run the drawing, nothing else.
    return images, labels


def _read(path: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the kept digits; None if there are none, or the file is damaged."""
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            images, labels = file["images"], file["labels"]
    except Exception as error:
        if isinstance(error, MemoryError):  # then there is none to draw them anew either
            raise
        return None
    whole = images.shape == (N_DIGITS, 784) and labels.shape == (N_DIGITS,)
    return (images, labels) if whole and images.dtype == labels.dtype == np.uint8 else None
