"""Files of arrays that have names: which of them are the examples, and which the labels."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from deeptutorial.datasets.arrays import (
    Dataset,
    Examples,
    checked_parts,
    doubt_about_16_bits,
    square_shape,
    without_last_sixth,
)
from deeptutorial.datasets.columns import column_called, imputed, refuse_missing
from deeptutorial.datasets.errors import DatasetError

__all__ = ["choose", "examples_of", "image_shape_of"]

PARTS = {"train": "training", "valid": "validation", "test": "test"}

Shapes = Mapping[str, tuple[int, ...]]


def choose(
    source: str,
    shapes: Shapes,
    read: Callable[[str], np.ndarray],
    member: str | None = None,
    **reading: Any,
) -> Dataset | Examples:
    """Choose among arrays that have names, and make a data set of them.

    ``x_train`` and ``x_test`` (and ``x_valid``, ``y_train``, ...) are parts; else ``x`` (and ``y``)
    or whatever single array there is, or pair of an array and as many labels, are examples in one
    piece. Capital letters count as small ones.

    Parameters
    ----------
    source : str
        What the file is, for messages.
    shapes : mapping of str to tuple of int
        Of all the arrays in it.
    read : callable
        Returns an array, by its name.
    member : str, optional
        The one that holds the examples, as ``FILE::MEMBER`` says it.
    **reading
        As `examples_of` takes it.

    Raises
    ------
    DatasetError
        If it cannot be told which.
    """
    names = {_plain(name): name for name in reversed(list(shapes))}
    if member is not None:
        if member not in shapes:
            raise DatasetError(f"{source}: there is no array {member!r:.60}{_listed(shapes)}")
        return examples_of(source, read(member), None, **reading)
    if "x_train" in names and "x_test" in names and "x" not in names:
        if any(reading.values()):
            said = ", ".join(f"`{option}`" for option, value in reading.items() if value)
            raise DatasetError(f"{source}: {said} means nothing for a file that has parts")
        return _parts(
            source, {plain: read(name) for plain, name in names.items() if plain in KNOWN}
        )
    pair = (names["x"], names.get("y")) if "x" in names else _pair(shapes)
    if pair is None:
        raise DatasetError(
            f"{source}: expected the arrays x (and y), or x_train and x_test (and y_train, "
            f"y_test), or a single one{_listed(shapes)}"
            + (f"; name one, as {source}::{next(iter(shapes))}" if shapes else "")
        )
    images, labels = pair
    return examples_of(source, read(images), None if labels is None else read(labels), **reading)


KNOWN = [f"{a}_{part}" for a in "xy" for part in PARTS]


def _plain(name: str) -> str:
    return name.lower().replace("_val", "_valid") if name.lower().endswith("_val") else name.lower()


def _listed(shapes: Shapes) -> str:
    some = [f"{name:.60}" for name in list(shapes)[:8]]
    return f", got {', '.join(some) or 'none'}{', ...' if len(shapes) > 8 else ''}"


def _pair(shapes: Shapes) -> tuple[str, str | None] | None:
    """Return the only array and None, or the one of two that has rows and the one with labels."""
    if len(shapes) == 1 and not set(map(_plain, shapes)) & set(KNOWN):
        return next(iter(shapes)), None
    for labels, images in zip(shapes, reversed(list(shapes)), strict=True):
        of_labels, of_images = shapes[labels], shapes[images]
        n = max(of_labels, default=0)
        if (
            len(shapes) == 2
            and len(of_images) > 1
            and max(of_images[1:]) > 1
            and of_images[0] == n
            and of_labels in ((n,), (n, 1), (1, n))
        ):
            return images, labels
    return None


def _parts(source: str, arrays: dict[str, np.ndarray]) -> Dataset:
    image_shape = image_shape_of(source, arrays["x_train"])
    for name in ("x_valid", "x_test"):
        if name in arrays and arrays[name].shape[1:] != arrays["x_train"].shape[1:]:
            raise DatasetError(
                f"{source}: x_train has examples of shape {arrays['x_train'].shape[1:]}, "
                f"{name} of {arrays[name].shape[1:]}"
            )
    there = [part for part in PARTS if f"x_{part}" in arrays]
    parts, class_names = checked_parts(
        source, [(PARTS[part], arrays[f"x_{part}"], arrays.get(f"y_{part}")) for part in there]
    )
    if "valid" not in there:
        parts[:1] = without_last_sixth(source, parts[0])
    train, valid, test = parts
    return Dataset(train, valid, test, image_shape, class_names)


def examples_of(
    source: str,
    images: np.ndarray,
    labels: np.ndarray | None,
    *,
    transpose: bool = False,
    label_column: str | int | None = None,
    impute: bool = False,
) -> Examples:
    """Make examples of an array, one a row, and of labels, if there are any.

    Parameters
    ----------
    source : str
        What it is, for messages.
    images : ndarray of shape (n, ...)
    labels : ndarray or None
    transpose, label_column, impute
        As `read_text_table` takes them.

    Raises
    ------
    DatasetError
    """
    if images.dtype.kind not in "biuf":
        raise DatasetError(
            f"{source}: an array of {images.dtype!s:.60}, not of numbers; make one of "
            "np.float32 first"
        )
    if images.ndim != 2 and (transpose or label_column is not None):
        option = "transpose" if transpose else "label_column"
        raise DatasetError(
            f"{source}: `{option}` needs an array of rows and columns, and this one has the shape "
            f"{images.shape}"
        )
    if transpose:
        images = images.T
    if label_column is not None:
        if labels is not None:
            raise DatasetError(f"{source}: has labels, and `label_column` would be others")
        column = column_called(source, (), images.shape[1], label_column)
        assert column is not None  # since one is wanted
        labels, images = images[:, column], np.delete(images, column, axis=1)
    shape = image_shape_of(source, images)
    if labels is not None and labels.ndim == 2 and labels.shape[0] == 1 != len(images):
        labels = labels[0]  # a row, as MATLAB has vectors too
    doubt = doubt_about_16_bits(images.max(initial=0)) if images.dtype == np.uint16 else ""
    rows = np.ascontiguousarray(images)
    examples = Examples(rows, labels, shape, source=source, doubt=doubt)
    return imputed(examples) if impute else refuse_missing(examples)


def image_shape_of(source: str, images: np.ndarray) -> tuple[int, ...]:
    """Return the shape of one image of an array of them.

    Raises
    ------
    DatasetError
        If the array has no shape that images have.
    """
    if images.ndim == 2:
        return square_shape(images.shape[1])
    if images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3):
        return images.shape[1:]
    if images.ndim == 4 and images.shape[3] == 1:
        return images.shape[1:3]
    raise DatasetError(
        f"{source}: images must have the shape (n, pixels), (n, height, width) or "
        f"(n, height, width, 3), got {images.shape}"
    )
