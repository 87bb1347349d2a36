"""What the columns of a table are: identifiers, classes, pixels, or values."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deeptutorial.datasets.arrays import Examples, square_shape
from deeptutorial.datasets.blocks import extent_of
from deeptutorial.datasets.errors import DatasetError

__all__ = [
    "IDENTIFIER_NAMES",
    "Layout",
    "column_called",
    "described_column",
    "have_pixel_names",
    "imputed",
    "layout",
    "pixels_as_bytes",
    "refuse_missing",
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


@dataclass(frozen=True)
class Layout:
    """Which columns of a table hold what; `names` are those of the values, if they have any."""

    values: Sequence[int]
    names: tuple[str, ...]
    identifiers: int | None
    labels: int | None


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


def layout(
    source: str,
    names: Sequence[str],
    texts: Sequence[Sequence[str] | None],
    labels: int | None,
    identifiers: int | None = None,
) -> Layout:
    """Tell which columns of a table are values.

    Parameters
    ----------
    source : str
        The table, for messages.
    names : sequence of str
        Of the columns; empty if they have none.
    texts : sequence
        For each column some of its texts, or None if it holds numbers.
    labels, identifiers : int or None
        The columns of which that is known. The first is found to hold identifiers if it is called
        so.

    Raises
    ------
    DatasetError
        If another column holds texts.
    """
    if identifiers is None and labels != 0 and names and names[0].lower() in IDENTIFIER_NAMES:
        identifiers = 0
    if identifiers == 0 and labels is None:
        first = texts[0]
        if first is not None and _repeat(first):
            raise DatasetError(
                f"{source}: {described_column(names, 0)} holds {first[0]!r:.60} and other texts "
                f"that repeat, which are no identifiers; {_as_labels(names, 0)}"
            )
    left = [column for column in range(len(texts)) if column not in (labels, identifiers)]
    if identifiers == 0 and [name.upper() for name in names[1:3]] == ["NAME", "GWEIGHT"]:
        left = left[2:]  # Stanford's PCL
    for column in left:
        found = texts[column]
        if found is not None:
            raise DatasetError(
                f"{source}: {described_column(names, column)} holds {found[0]!r:.60}, which is no "
                f"number; {_as_labels(names, column)}"
            )
    if not left:
        first = "" if texts[0] is None else f" (but {texts[0][0]!r:.60})"
        raise DatasetError(f"{source}: no column of numbers is left{first}")
    own = tuple(names[column] for column in left) if names else ()
    values = range(left[0], left[-1] + 1)  # which are cut out of a row more quickly
    if own == tuple(map(str, range(len(own)))):  # what pandas calls columns that have no names
        own = ()
    return Layout(values if len(values) == len(left) else left, own, identifiers, labels)


def _as_labels(names: Sequence[str], column: int) -> str:
    wanted = (names and names[column]) or column + 1
    return f"if these are the classes, take --label-column {wanted} (label_column= in Python)"


def _repeat(texts: Sequence[str]) -> bool:
    return len(texts) > 3 and 2 * len(set(texts)) <= len(texts)


def have_pixel_names(names: Sequence[str]) -> bool:
    """Tell whether columns are called pixel0, pixel1, ... or 1x1, 1x2, ..."""
    return bool(names) and all(re.fullmatch(r"pixel_?[0-9]+|[0-9]+x[0-9]+", name) for name in names)


def pixels_as_bytes(blocks: Iterable[Examples]) -> Iterator[Examples]:
    """Turn the values of columns that are called as pixels are into bytes, where they are bytes.

    Raises
    ------
    DatasetError
        If they begin as bytes, and are something else later.
    """
    are_pixels, n_rows = None, 0
    for block in blocks:
        if are_pixels is None:
            are_pixels = have_pixel_names(block.columns) and block.images.max(initial=0) > 1
            are_pixels = are_pixels and _are_bytes(block.images)
        elif are_pixels and not _are_bytes(block.images):
            raise DatasetError(
                f"{block.source}: its columns are called as pixels are and begin as bytes, but the "
                f"rows {n_rows + 1} to {n_rows + len(block.images)} hold other numbers"
            )
        n_rows += len(block.images)
        yield replace(block, images=block.images.astype(np.uint8)) if are_pixels else block


def _are_bytes(values: np.ndarray) -> bool:
    with np.errstate(invalid="ignore"):  # NaN is no byte
        return bool(np.array_equal(values.astype(np.uint8), values))


def shape_of_columns(n_values: int, names: Sequence[str]) -> tuple[int, int]:
    """Return the shape of an image: pixels may be a square; what has names of its own is none."""
    return square_shape(n_values) if not names or have_pixel_names(names) else (1, n_values)


def refuse_missing(examples: Examples) -> Examples:
    """Refuse values that are missing, naming the first of them.

    Raises
    ------
    DatasetError
    """
    images = examples.images
    if images.dtype.kind != "f" or not images.size:
        return examples
    extent = extent_of(images)
    if np.isnan(extent).any():
        row, *columns = (int(place[0]) for place in np.nonzero(np.isnan(images)))
        called = (
            "" if examples.identifiers is None else f" ({str(examples.identifiers[row])!r:.60})"
        )
        raise DatasetError(
            f"{examples.source}: row {row + 1}{called}, "
            + ", ".join(described_column(examples.columns, column) for column in columns)
            + f": the value is missing (of {int(np.isnan(images).sum())} NaN); take --impute "
            "(impute=True in Python) to put the mean of the column in its place"
        )
    return replace(examples, extent=extent)


def whole(blocks: Iterable[Examples], impute: bool) -> Examples:
    """Put examples that were read in blocks together, and mean values where some are missing.

    Raises
    ------
    DatasetError
        If there are none.
    """
    pieces = list(blocks)
    if len(pieces) == 1:
        return imputed(pieces[0]) if impute else pieces[0]
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
