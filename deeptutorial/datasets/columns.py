"""What the columns of a table are: identifiers, classes, pixels, or values."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from deeptutorial.datasets.arrays import Examples, square_shape
from deeptutorial.datasets.errors import DatasetError

__all__ = [
    "IDENTIFIER_NAMES",
    "as_pixels",
    "column_called",
    "described_column",
    "have_pixel_names",
    "imputed",
    "shape_of_columns",
    "whole",
]

IDENTIFIER_NAMES = frozenset(("", "id", "index", "identifier", "sample", "sample_id", "unnamed: 0"))
"""What a first column of identifiers is called, in small letters; pandas and R leave it empty."""

LABEL_NAMES = frozenset(("label", "class"))
"""What a column of labels is called, in small letters, that is found without being named."""


def described_column(names: Sequence[str], column: int) -> str:
    """Name a column in a message: by its number, and by its name if it has one."""
    return f"column {column + 1}" + (f" ({names[column]!r:.60})" if names else "")


def column_called(
    source: str, names: Sequence[str], n_columns: int, wanted: str | int | None
) -> int | None:
    """Find the column of the labels: by name, by number from 1 on, or from -1 on from the end.

    Raises
    ------
    DatasetError
        If there is none.
    """
    if wanted is None:
        found = [i for i, name in enumerate(names) if name.lower() in LABEL_NAMES]
        return found[0] if len(found) == 1 else None
    if str(wanted) in names:
        return list(names).index(str(wanted))
    if re.fullmatch(r"-?[1-9][0-9]{0,8}", str(wanted)) and abs(int(wanted)) <= n_columns:
        return int(wanted) - 1 if int(wanted) > 0 else n_columns + int(wanted)
    some = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
    raise DatasetError(
        f"{source}: there is no column {str(wanted)!r:.60} for the labels; "
        + (f"there are {some:.300}" if names else f"there are {n_columns}, without names")
    )


def have_pixel_names(names: Sequence[str]) -> bool:
    """Tell whether columns are called pixel0, pixel1, ... or 1x1, 1x2, ..."""
    return bool(names) and all(re.fullmatch(r"pixel_?[0-9]+|[0-9]+x[0-9]+", name) for name in names)


def as_pixels(values: np.ndarray) -> np.ndarray | None:
    """Return values as the bytes that they are, or None where they are anything else."""
    if not 1 < values.max(initial=0) <= 255 or values.min() < 0:  # NaN is neither
        return None
    pixels = values.astype(np.uint8)
    return pixels if np.array_equal(pixels, values) else None


def shape_of_columns(n_values: int, names: Sequence[str]) -> tuple[int, int]:
    """Return the shape of an image: pixels may be a square; what has names of its own is none."""
    return square_shape(n_values) if not names or have_pixel_names(names) else (1, n_values)


def whole(blocks: Iterable[Examples], impute: bool) -> Examples:
    """Put examples that were read in blocks together, and mean values where some are missing.

    Raises
    ------
    DatasetError
        If there are none.
    """
    pieces = list(blocks)
    if not pieces:
        raise DatasetError("an empty table")
    images = np.concatenate([piece.images for piece in pieces])
    joined = [
        None if first is None else np.concatenate([getattr(piece, name) for piece in pieces])
        for name in ("labels", "identifiers")
        for first in [getattr(pieces[0], name)]
    ]
    together = replace(pieces[0], images=images, labels=joined[0], identifiers=joined[1])
    return imputed(together) if impute else together


def imputed(examples: Examples) -> Examples:
    """Put the mean of a column in the place of each value that is missing in it.

    Raises
    ------
    DatasetError
        If a column has no values at all.
    """
    images = examples.images
    missing = np.isnan(images) if images.dtype.kind == "f" else np.zeros(0, bool)
    if not missing.any():
        return examples
    counts = (~missing).sum(axis=0)
    if not counts.all():
        nothing = described_column(examples.columns, int(np.argmin(counts)))
        raise DatasetError(f"{examples.source}: {nothing} has no values at all")
    means = np.where(missing, 0, images).sum(axis=0) / counts
    return replace(examples, images=np.where(missing, means, images))
