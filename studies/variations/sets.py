"""The eight sets of Larochelle et al. (2007), made anew by their recipes.

``basic`` is a part of the digits. The others are that part, rotated (``rot``), before noise
(``bg-rand``), before pieces of photographs (``bg-img``), or both (``bg-img-rot``); rectangles, the
question being whether they are tall (``rect``, ``rect-img``); and regions, the question being
whether they are convex (``convex``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from deeptutorial.datasets import read_dataset
from studies.variations.backgrounds import noise, pieces_of_photographs
from studies.variations.shapes import convex_shapes, framed_rectangles, rectangles

__all__ = ["NAMES", "SIZES", "VariationSet", "make_set", "read_digits", "rotated"]

NAMES = ("basic", "rot", "bg-rand", "bg-img", "bg-img-rot", "rect", "rect-img", "convex")
SIZES = (10_000, 2_000, 50_000)
"""Of training, validation and test set."""


@dataclass(frozen=True)
class VariationSet:
    """A set in three parts.

    Attributes
    ----------
    images : ndarray of uint8, shape (n, 784)
        Of all three, one after the other.
    labels : ndarray of int
    sizes : tuple of int
    """

    images: np.ndarray
    labels: np.ndarray
    sizes: tuple[int, ...]

    def parts(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return training, validation and test set: floats in [0, 1], and labels."""
        ends = np.cumsum(self.sizes)
        return [
            (self.images[end - size : end] / np.float32(255), self.labels[end - size : end])
            for size, end in zip(self.sizes, ends, strict=True)
        ]


def read_digits(dataset: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Return all digits of a data set as bytes, (n, 28, 28), their labels, and what they are."""
    data = read_dataset(dataset)
    images = np.concatenate([part[0] for part in (data.train, data.valid, data.test)])
    labels = np.concatenate([part[1] for part in (data.train, data.valid, data.test)])
    grey = np.rint(images * 256).clip(0, 255).astype("uint8")
    return grey.reshape(-1, *data.image_shape), labels.astype("int64"), data.source


def make_set(
    name: str, digits: tuple[np.ndarray, np.ndarray], sizes: Sequence[int] = SIZES, seed: int = 1
) -> VariationSet:
    """Make a set; the same seed gives the same set, whichever others are made.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    digits : (ndarray of uint8, shape (n, 28, 28); ndarray of int)
        Images and labels, which those sets are drawn from that have digits, without replacement.
    sizes : three ints
    seed : int
    """
    rng = np.random.default_rng([seed, NAMES.index(name)])
    n = sum(sizes)
    if name == "convex":
        regions, labels = convex_shapes(n, rng)
        images = np.where(regions, 255, 0).astype("uint8")
    elif name.startswith("rect"):
        images, labels = _tall_or_wide(n, rng, with_photographs=name == "rect-img")
    else:
        chosen = np.random.default_rng([seed, 0]).permutation(len(digits[0]))[:n]
        images, labels = digits[0][chosen], digits[1][chosen]
        if name.endswith("rot"):
            images = rotated(images, rng.uniform(0, 360, n))
        if name == "bg-rand":
            images = np.maximum(images, noise(n, rng))
        elif name.startswith("bg-img"):
            images = np.maximum(images, pieces_of_photographs(n, rng))
    return VariationSet(images.reshape(n, -1), labels, tuple(sizes))


def rotated(images: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Turn each image about its centre, anticlockwise; what comes in at the corners is black."""
    turned = [
        Image.fromarray(image).rotate(angle, Image.Resampling.BILINEAR)
        for image, angle in zip(images, degrees, strict=True)
    ]
    return np.stack([np.asarray(image) for image in turned])


def _tall_or_wide(
    n: int, rng: np.random.Generator, with_photographs: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Draw rectangles: a white border on black, or a piece of a photograph before another."""
    if with_photographs:
        places = rectangles(n, rng, least_side=10, least_difference=5, areas=(0.25, 0.75))
        _, covered = framed_rectangles(places)
        front, back = pieces_of_photographs(n, rng), pieces_of_photographs(n, rng)
        images = np.where(covered, front, back)
    else:
        places = rectangles(n, rng, least_side=1, least_difference=3, areas=(0, 1))
        border, _ = framed_rectangles(places)
        images = np.where(border, 255, 0).astype("uint8")
    return images, (places[:, 2] > places[:, 3]).astype("int64")
