"""A data set in memory: three parts, checked."""

import math
from dataclasses import dataclass

import numpy as np

from deeptutorial.datasets.errors import DatasetError

__all__ = [
    "PART_NAMES",
    "Dataset",
    "checked_part",
    "divided",
    "square_shape",
    "to_unit_interval",
    "without_last_sixth",
]

PART_NAMES = ("training", "validation", "test")
"""What the parts of a data set are called, in their order."""

NO_LABEL = -1
"""Label of an example that has none."""

Part = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Dataset:
    """Training, validation and test set, each as (images, labels).

    Attributes
    ----------
    train, valid, test : (ndarray of shape (n, pixels), ndarray of shape (n,))
        Floats in [0, 1], one flattened image a row; integer labels (-1 where there are none).
    image_shape : (height, width) or (height, width, 3)
        Shape of one image before it was flattened.
    source : str
        What it is, for people.
    """

    train: Part
    valid: Part
    test: Part
    image_shape: tuple[int, ...]
    source: str = ""


def to_unit_interval(values: np.ndarray) -> np.ndarray:
    """Turn stored pixels into floats in [0, 1).

    Bytes are divided by 256, as the tutorial's MNIST was (so white is 255/256), 16-bit values by
    65536; floats are taken as they are.
    """
    if values.dtype == np.bool_:
        return values.astype(np.float32)
    if values.dtype.kind == "u" and values.dtype.itemsize <= 2:
        levels = 1 << (8 * values.dtype.itemsize)
        return np.multiply(values, np.float32(1 / levels), dtype=np.float32)
    return values


def checked_part(source: str, name: str, images: np.ndarray, labels: np.ndarray | None) -> Part:
    """Check one part of a data set and bring it to two dimensions.

    Parameters
    ----------
    source : str
        Where it comes from, for the message.
    name : str
        Which part it is, for the message.
    images : ndarray of shape (n, ...)
    labels : ndarray of shape (n,), or None for none

    Returns
    -------
    (images, labels) of shape (n, pixels) and (n,), float and integer

    Raises
    ------
    DatasetError
    """

    def refuse(reason: str) -> DatasetError:
        return DatasetError(f"{source}: {name} set: {reason}")

    if not isinstance(images, np.ndarray) or images.dtype.kind not in "fub":
        kind = images.dtype if isinstance(images, np.ndarray) else type(images).__name__
        raise refuse(f"images must be an array of floats or of bytes, got {kind}")
    if images.ndim < 2:
        raise refuse(f"images must have one row an example, got an array of shape {images.shape}")
    if images.size == 0:
        raise refuse(f"it is empty (images of shape {images.shape})")
    images = to_unit_interval(images.reshape(len(images), -1))
    if images.dtype.kind != "f":
        raise refuse(f"images of type {images.dtype} have no known range; scale them to [0, 1]")
    low, high = images.min(), images.max()  # NaN comes through both
    if math.isnan(low):
        raise refuse("the images hold NaN")
    if low < 0 or high > 1:
        raise refuse(
            f"the images must lie in [0, 1], but go from {low:g} to {high:g}; "
            "divide them by their largest value"
        )

    if labels is None:
        return images, np.full(len(images), NO_LABEL, dtype=np.int32)
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iuf" or labels.ndim != 1:
        described = (
            f"{labels.dtype} of shape {labels.shape}"
            if isinstance(labels, np.ndarray)
            else type(labels).__name__
        )
        raise refuse(f"labels must be a vector of whole numbers, got {described}")
    if len(labels) != len(images):
        raise refuse(f"there are {len(images)} images but {len(labels)} labels")
    with np.errstate(invalid="ignore"):  # NaN is found below
        whole = labels.astype(np.int32)
    if not np.array_equal(whole, labels):
        raise refuse("labels must be whole numbers that fit 32 bits")
    return images, whole


def divided(source: str, images: np.ndarray, labels: np.ndarray | None) -> tuple[Part, Part, Part]:
    """Divide examples that come in one piece, in MNIST's proportion of 5 : 1 : 1.

    They are shuffled first, always in the same way, since files are often sorted by class.
    """
    if len(images) < 3:
        raise DatasetError(
            f"{source}: {len(images)} example(s), and a training, a validation and a test set "
            "need at least one each"
        )
    images, labels = checked_part(source, "whole", images, labels)
    order = np.random.default_rng(0).permutation(len(images))
    n_held_out = max(1, len(images) // 7)
    pieces = np.split(order, [len(images) - 2 * n_held_out, len(images) - n_held_out])
    train, valid, test = ((images[piece], labels[piece]) for piece in pieces)
    return train, valid, test


def without_last_sixth(source: str, part: Part) -> tuple[Part, Part]:
    """Set the last sixth of a training set apart for validation, as the tutorial has it."""
    images, labels = part
    n_train = len(images) - len(images) // 6
    if n_train == len(images):
        raise DatasetError(f"{source}: {n_train} training example(s) leave none for validation")
    return (images[:n_train], labels[:n_train]), (images[n_train:], labels[n_train:])


def square_shape(n_pixels: int) -> tuple[int, int]:
    """Guess the shape of a flattened image: a square, or else a single row."""
    side = math.isqrt(n_pixels)
    return (side, side) if side * side == n_pixels else (1, n_pixels)
