"""A data set in memory: in one piece or in three parts, checked."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deeptutorial.datasets.blocks import extent_of
from deeptutorial.datasets.class_names import NO_LABEL, numbered
from deeptutorial.datasets.errors import DatasetError
from deeptutorial.datasets.scaling import Scaling
from deeptutorial.texts import printable

__all__ = [
    "PART_NAMES",
    "Dataset",
    "Examples",
    "checked_part",
    "checked_parts",
    "divided",
    "doubt_about_16_bits",
    "from_unit_interval",
    "scaled",
    "square_shape",
    "to_unit_interval",
    "without_last_sixth",
]

PART_NAMES = ("training", "validation", "test")
"""What the parts of a data set are called, in their order."""

FAINT = 1 << 14
"""What 14 bits hold is less than this."""

ROUNDING = 1e-6
"""So far beyond [0, 1] is float32's doing, in data that were scaled to it, and no other range."""

Part = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Examples:
    """Examples in one piece and in the order of their file: a part, or what is yet to be divided.

    Attributes
    ----------
    images : ndarray of shape (n, ...)
        One example a row.
    labels : ndarray or None
        Numbers, texts or truth values, as `numbered` takes them; None for none.
    image_shape : (height, width) or (height, width, 3)
        Shape of one image before it was flattened; (1, values) for what is no image.
    class_names : tuple of str
        What the classes 0, 1, 2, ... are called; empty where the labels are their own names.
    columns : tuple of str
        What the values of an example are called; empty where they have no names.
    identifiers : ndarray of texts, of shape (n,), or None
        What the examples are called.
    source : str
        What it is, for people.
    scaling : Scaling or None
        What was done to the values already.
    doubt : str
        What speaks against taking the values as they are; empty if nothing does. A scaling dispels
        it.
    extent : (float, float) or None
        The least and the largest value of `images`, where that is known: they may be many, and lie
        on disk.
    in_order : bool
        They are divided as they lie, and not shuffled, which would bring all into memory.
    """

    images: np.ndarray
    labels: np.ndarray | None
    image_shape: tuple[int, ...]
    class_names: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    identifiers: np.ndarray | None = None
    source: str = ""
    scaling: Scaling | None = None
    doubt: str = ""
    extent: tuple[float, float] | None = None
    in_order: bool = False


@dataclass(frozen=True)
class Dataset:
    """Training, validation and test set, each as (images, labels).

    Attributes
    ----------
    train, valid, test : (ndarray of shape (n, pixels), ndarray of shape (n,))
        Floats, one flattened image a row; integer labels (-1 where there are none).
    image_shape : (height, width) or (height, width, 3)
        Shape of one image before it was flattened; (1, values) for what is no image.
    class_names, columns : tuple of str
    doubt : str
        As `Examples` has them.
    source : str
        What it is, for people.
    scaling : Scaling or None
        What was done to the values.
    extent : (float, float) or None
        The least and the largest value in all parts, where that is known.
    """

    train: Part
    valid: Part
    test: Part
    image_shape: tuple[int, ...]
    class_names: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    source: str = ""
    scaling: Scaling | None = None
    doubt: str = ""
    extent: tuple[float, float] | None = None


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


def from_unit_interval(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Turn floats into what `to_unit_interval` has made them of, where that was whole pixels.

    Parameters
    ----------
    values : ndarray of float
    dtype : dtype
        Of the stored pixels: for one of 8 or 16 bits without a sign the result has it; for others
        `values` are returned as they are.
    """
    if dtype.kind != "u" or dtype.itemsize > 2:
        return values
    levels = 1 << (8 * dtype.itemsize)
    return np.clip(np.rint(values * levels), 0, levels - 1).astype(dtype.newbyteorder("="))


def doubt_about_16_bits(largest: int) -> str:
    """Say why values that are stored in 16 bits have a smaller white than these, if it looks so.

    A camera of 12 bits, or of 14, leaves all of them below a quarter of what the file can hold.
    """
    if not 0 < largest < FAINT:
        return ""
    return (
        f"the values go up to {largest} only, as those of 12 or 14 bits in 16, whose white is 65535"
    )


def checked_part(
    source: str,
    name: str,
    images: np.ndarray,
    labels: np.ndarray | None,
    extent: tuple[float, float] | None = None,
) -> Part:
    """Check one part of a data set and bring it to two dimensions.

    Parameters
    ----------
    source : str
        Where it comes from, for the message.
    name : str
        Which part it is, for the message.
    images : ndarray of shape (n, ...)
    labels : ndarray of shape (n,), or None for none
    extent : (float, float), optional
        Of floats, as `Examples` has it.

    Returns
    -------
    (images, labels) of shape (n, pixels) and (n,), float and integer
        The images are finite, and in whatever range they are.

    Raises
    ------
    DatasetError
    """

    def refuse(reason: str) -> DatasetError:
        return DatasetError(f"{source}: {name} set: {reason}")

    if not isinstance(images, np.ndarray) or images.dtype.kind not in "fiub":
        kind = images.dtype if isinstance(images, np.ndarray) else type(images).__name__
        raise refuse(f"images must be an array of numbers, got {kind}")
    if images.ndim < 2:
        raise refuse(f"images must have one row an example, got an array of shape {images.shape}")
    if images.size == 0:
        raise refuse(f"it is empty (images of shape {images.shape})")
    images = to_unit_interval(images.reshape(len(images), -1))
    if images.dtype.kind != "f":
        images = images.astype(np.float64)
    low, high = extent or extent_of(images)  # NaN comes through both
    if not math.isfinite(low) or not math.isfinite(high):
        raise refuse(f"the images hold {'NaN' if math.isnan(low) else 'infinity'}")

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


def checked_parts(
    source: str, parts: Sequence[tuple[str, np.ndarray, np.ndarray | None]]
) -> tuple[list[Part], tuple[str, ...]]:
    """Check the parts of a data set, each given as (name, images, labels), and number its classes.

    Returns
    -------
    list of (images, labels)
        As `checked_part` returns them.
    class_names : tuple of str
        Of the classes 0, 1, 2, ..., in all the parts; empty where the labels are their own names.

    Raises
    ------
    DatasetError
    """
    numbers, class_names = numbered([labels for _, _, labels in parts])
    checked = [
        checked_part(source, name, images, labels)
        for (name, images, _), labels in zip(parts, numbers, strict=True)
    ]
    return checked, class_names


def scaled(dataset: Dataset, scale: str | Scaling, any_range: bool = False) -> Dataset:
    """Bring a data set into a range that a model can learn.

    Parameters
    ----------
    dataset : Dataset
    scale : {"none", "minmax", "max", "standardize"} or Scaling
        "none" leaves the values as they are; the others are chosen by the training set (see
        `Scaling`), unless they were by another one: then they come as a `Scaling`. What was scaled
        already stays as it is.
    any_range : bool
        Whether the values may end up outside [0, 1]: for a squared error they may.

    Raises
    ------
    DatasetError
        If the values do not suit the scaling, or lie outside [0, 1] after it.
    """
    if scale == "none" and dataset.doubt and dataset.scaling is None:
        raise DatasetError(
            f"{dataset.source}: {dataset.doubt}; take --scale max (scale='max' in Python)"
        )
    if scale == "none" or scale == dataset.scaling:
        return dataset if any_range else _in_unit_interval(dataset)
    if dataset.scaling is not None:
        raise DatasetError(f"{dataset.source}: is scaled already ({dataset.scaling.kind})")
    try:
        scaling = scale if isinstance(scale, Scaling) else Scaling.fitted(scale, dataset.train[0])
        scaling.check_size(dataset.train[0].shape[1])
    except DatasetError as error:
        raise DatasetError(f"{dataset.source}: training set: {error}") from error
    dataset = replace(_each_part(dataset, scaling.apply), scaling=scaling)
    return dataset if any_range else _in_unit_interval(dataset)


def _in_unit_interval(dataset: Dataset) -> Dataset:
    """Refuse values outside [0, 1], but for what rounding does."""
    parts = (dataset.train, dataset.valid, dataset.test)
    lows, highs = zip(*([dataset.extent] if dataset.extent else map(_extent, parts)), strict=True)
    low, high = min(lows), max(highs)
    if low < -ROUNDING or high > 1 + ROUNDING:
        scaling = dataset.scaling
        after = f" after {scaling.kind}" if scaling else ""
        raise DatasetError(
            f"{dataset.source}: the values must lie in [0, 1] for the cross-entropy, but go from "
            f"{low:g} to {high:g}{after}; take --scale minmax, or --reconstruction-cost "
            "squared-error (in Python scale='minmax', or any_range=True)"
        )
    if low >= 0 and high <= 1:
        return dataset
    return _each_part(dataset, lambda images: np.clip(images, 0, 1))


def _extent(part: Part) -> tuple[float, float]:
    return extent_of(part[0])


def _each_part(dataset: Dataset, change: Callable[[np.ndarray], np.ndarray]) -> Dataset:
    train, valid, test = (
        (change(images), labels) for images, labels in (dataset.train, dataset.valid, dataset.test)
    )
    return replace(dataset, train=train, valid=valid, test=test, extent=None)


def divided(whole: Examples) -> Dataset:
    """Divide examples that come in one piece, in MNIST's proportion of 5 : 1 : 1.

    They are shuffled first, always in the same way, since files are often sorted by class. Those
    that lie on disk are not, unless they are sorted so.
    """
    source = whole.source
    if len(whole.images) < 3:
        raise DatasetError(
            f"{source}: {len(whole.images)} example(s), and a training, a validation and a test "
            "set need at least one each"
        )
    (numbers,), class_names = numbered([whole.labels])
    images, labels = checked_part(source, "whole", whole.images, numbers, whole.extent)
    n_held_out = max(1, len(images) // 7)
    ends = [len(images) - 2 * n_held_out, len(images) - n_held_out]
    pieces: Sequence[slice | np.ndarray]
    if whole.in_order and not _is_sorted_by_class(labels, source):
        pieces = [slice(ends[0]), slice(*ends), slice(ends[1], None)]  # which are no copies
    else:
        order = np.random.default_rng(0).permutation(len(images))
        pieces = np.split(order, ends)
    train, valid, test = ((images[piece], labels[piece]) for piece in pieces)
    return Dataset(
        *(train, valid, test, whole.image_shape),
        *(class_names or whole.class_names, whole.columns, source, whole.scaling),
        doubt=whole.doubt,
        extent=whole.extent,
    )


def _is_sorted_by_class(labels: np.ndarray, source: str) -> bool:
    """Tell whether each class lies in one piece, in order, and say what follows if that is so."""
    steps = np.diff(labels)
    if not steps.any() or ((steps < 0).any() and (steps > 0).any()):
        return False
    print(
        f"{printable(source)} is sorted by class, and is read into memory to be shuffled; "
        "`deeptutorial convert ... --shuffle 0` writes its rows in another order",
        file=sys.stderr,
    )
    return True


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
