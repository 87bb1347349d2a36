"""Rows on disk: an array in NumPy's format, with its labels and names in files beside it."""

import json
import lzma
import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytensor

from deeptutorial.archives import ArchiveError, open_regular, read_npy, read_npy_place
from deeptutorial.datasets.arrays import Examples
from deeptutorial.datasets.blocks import places_in_blocks
from deeptutorial.datasets.description import Description
from deeptutorial.datasets.errors import DatasetError
from deeptutorial.datasets.named_arrays import examples_of
from deeptutorial.datasets.unpacking import PACKED, opened
from deeptutorial.mapped_files import map_array
from deeptutorial.texts import printable

__all__ = [
    "about_beside",
    "labels_beside",
    "npy_in_blocks",
    "read_npy_rows",
    "with_what_lies_beside",
]

MOST_ABOUT = 1 << 28  # bytes of names


def labels_beside(path: Path) -> Path:
    """Return where the labels of ``rows.npy`` lie, if it has any: in ``rows.labels.npy``."""
    return path.with_name(f"{path.stem}.labels.npy")


def about_beside(path: Path) -> Path:
    """Return where lies what is known of ``rows.npy``, if anything is: in ``rows.about.json``.

    An object with ``columns``, ``class_names`` and ``scaling`` as `Description` has them,
    ``identifiers`` (a list of texts, or null) and ``image_shape``.
    """
    return path.with_name(f"{path.stem}.about.json")


def read_npy_rows(
    path: Path,
    *,
    transpose: bool = False,
    label_column: str | int | None = None,
    impute: bool = False,
) -> Examples:
    """Read an array of rows, with what `deeptutorial convert` has put beside it.

    Where its values are floats of the type that the run calculates with (floatX), one row after the
    other, and none of the options is given, it is not read but mapped: its rows come from the disk
    when they are looked at, and it may be larger than the memory. It is then divided in its order.

    Parameters
    ----------
    path : Path
    transpose, label_column, impute
        As `read_text_table` takes them.

    Raises
    ------
    DatasetError
    """
    reading: dict[str, Any] = {
        "transpose": transpose,
        "label_column": label_column,
        "impute": impute,
    }
    return _read(path, reading, lambda dtype: dtype == pytensor.config.floatX)


def npy_in_blocks(path: Path, **reading: Any) -> Iterator[Examples]:
    """Read such an array some rows at a time, as long as none of the options is given.

    Raises
    ------
    DatasetError
        While it is read.
    """
    examples = _read(path, reading, lambda dtype: True)
    for place in places_in_blocks(examples.images):
        labels, identifiers = (
            beside if beside is None else beside[place]
            for beside in (examples.labels, examples.identifiers)
        )
        images = examples.images[place]
        yield replace(examples, images=images, labels=labels, identifiers=identifiers)


def _read(path: Path, reading: dict[str, Any], maps: Callable[[np.dtype], bool]) -> Examples:
    mapped = None if any(reading.values()) else _mapped(path, maps)
    images = _array(path) if mapped is None else mapped
    examples = examples_of(str(path), images, _labels(path), **reading)
    examples = replace(examples, in_order=mapped is not None)
    about = about_beside(path)
    if not about.exists() or reading.get("transpose") or reading.get("label_column") is not None:
        return examples
    return _described(examples, about)


def _mapped(path: Path, maps: Callable[[np.dtype], bool]) -> np.ndarray | None:
    """Map an array of a type that is wanted; return None where it has to be read."""
    try:
        with open_regular(path) as file:
            place = None if file.peek(6).startswith(PACKED) else read_npy_place(file)
            if place is None or not maps(place[1]) or place[2] % place[1].itemsize:
                return None
            return map_array(file, *place)
    except ArchiveError as error:
        raise DatasetError(f"{path}: cannot be read as .npy ({error})") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error})") from error


def with_what_lies_beside(path: Path, examples: Examples) -> Examples:
    """Add labels, names and scaling to rows that are read from the disk piece by piece.

    Parameters
    ----------
    path : Path
        Of the rows.
    examples : Examples
        Of whose `images` only the length and the shape are looked at.

    Raises
    ------
    DatasetError
    """
    examples = replace(examples, labels=_labels(path))
    about = about_beside(path)
    return _described(examples, about) if about.exists() else examples


def _labels(path: Path) -> np.ndarray | None:
    labels = labels_beside(path)
    return _array(labels, "biufSU") if labels.exists() else None


def _array(path: Path, kinds: str = "biuf") -> np.ndarray:
    try:
        with opened(path) as file:
            return read_npy(file, kinds)
    except (ArchiveError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DatasetError(f"{path}: cannot be read as .npy ({printable(error, 300)})") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error})") from error


def _described(examples: Examples, path: Path) -> Examples:
    n_rows, n_values = len(examples.images), math.prod(examples.images.shape[1:])
    try:
        with open_regular(path) as file:
            content = file.read(MOST_ABOUT + 1)
        if len(content) > MOST_ABOUT:
            raise ValueError("far too large")
        plain = json.loads(content)
        if not isinstance(plain, dict):
            raise ValueError("no object")
        identifiers, shape = plain.pop("identifiers", None), plain.pop("image_shape", None)
        known = Description.from_plain(plain, n_values)
        if identifiers is not None and (
            not isinstance(identifiers, list)
            or not all(isinstance(identifier, str) for identifier in identifiers)
            or len(identifiers) != n_rows
        ):
            raise ValueError(f"identifiers must be {n_rows} texts")
        if shape is not None and (
            not isinstance(shape, list)
            or not all(type(side) is int and side > 0 for side in shape)
            or len(shape) not in (2, 3)
            or int(np.prod(shape, dtype=object)) != n_values
        ):
            raise ValueError(f"image_shape does not fit {n_values} values")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ArchiveError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: does not tell of rows as it should: {error}") from error
    return replace(
        examples,
        image_shape=examples.image_shape if shape is None else tuple(shape),
        class_names=known.class_names,
        columns=known.columns,
        identifiers=None if identifiers is None else np.array(identifiers, dtype=object),
        scaling=known.scaling,
    )
