"""Rows on disk: an array in NumPy's format, with its labels and names in files beside it."""

import json
import lzma
import math
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from deeptutorial.archives import ArchiveError, open_regular, read_npy
from deeptutorial.datasets.arrays import Examples
from deeptutorial.datasets.description import Description
from deeptutorial.datasets.errors import DatasetError
from deeptutorial.datasets.named_arrays import examples_of
from deeptutorial.datasets.unpacking import opened
from deeptutorial.texts import printable

__all__ = ["about_beside", "labels_beside", "read_npy_rows", "with_what_lies_beside"]

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
    examples = examples_of(str(path), _array(path), _labels(path), **reading)
    about = about_beside(path)
    if not about.exists() or transpose or label_column is not None:
        return examples
    return _described(examples, about)


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
    return Examples(
        examples.images,
        examples.labels,
        examples.image_shape if shape is None else tuple(shape),
        known.class_names,
        known.columns,
        None if identifiers is None else np.array(identifiers, dtype=object),
        examples.source,
        known.scaling,
    )
